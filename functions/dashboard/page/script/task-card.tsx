/** Tasks as they look in every view: the card, the row, the mark of the status, and why nothing happens with one. */

import type { RenderedWhy } from "../../../../shared/tasks/why.ts";
import type { BoardCard, BoardColumn } from "../../answers.ts";
import { fillPath, sendJson } from "./api.ts";
import { Button, TaskLink, UserText } from "./elements.tsx";
import { findElement, findElements, findTarget } from "./find-elements.ts";
import { formatClock, formatDay, formatTime, getToday, translate } from "./language.ts";
import { chooseTask, place } from "./views.ts";

const PRIORITY_MARKS = { urgent: "!! ", high: "! ", medium: "", low: "" };

/** A task as a card, which shows its activity when it is pressed. */
export function Card({ card }: { card: BoardCard }) {
  const { id, key, column, title, url, held } = card;
  const isChosen = key === place.task;
  const trail = translate("card.trail", { key });
  return (
    <li class={isChosen ? "card chosen" : "card"} data-state={column} data-task={key} data-key={id}>
      <button type="button" aria-pressed={isChosen} title={trail} onClick={() => chooseTask(key)}>
        <CardHead card={card} />
        <UserText text={title} max={200} />
        {column !== "done" && <CardState card={card} />}
      </button>
      <PlaneLink url={url} task={key} />
      {held && <StopButton class="stop" task={key} who={held.by} />}
    </li>
  );
}

function CardHead({ card }: { card: BoardCard }) {
  const { key, column, word, priority, due } = card;
  const isLate = due !== null && due < getToday();
  return (
    <span class="line">
      <span class="key">{key}</span>
      {priority !== "none" && (
        <span class="priority" data-is={priority}>
          {PRIORITY_MARKS[priority]}
          {translate(`priority.${priority}`)}
        </span>
      )}
      {word === "cancelled" && <span class="due">{translate("word.cancelled")}</span>}
      {column === "done" && <Owner card={card} />}
      {column !== "done" && due && (
        <span class="due" data-late={isLate ? "yes" : "no"}>
          {translate(isLate ? "card.overdue" : "card.due", { day: formatDay(due) })}
        </span>
      )}
    </span>
  );
}

/** Who has an open task, and for what it waits. */
function CardState({ card }: { card: BoardCard }) {
  const { agent, assignees, blockers, held, review, unread } = card;
  const waits = [
    review && translate("card.review"),
    unread !== undefined && translate("card.unread", { n: unread }),
    blockers.length > 0 && translate("card.blockers", { keys: blockers.map((blocker) => blocker.key).join(", ") }),
  ].filter((text) => typeof text === "string");
  if (!agent && assignees.length === 0 && !held && waits.length === 0) return null;
  return (
    <span class="line">
      <Owner card={card} />
      {held && (
        <span class="held" title={translate("card.held.title", { since: formatTime(held.since) })}>
          {translate("card.held", { who: held.by, until: formatClock(held.until) })}
        </span>
      )}
      {waits.map((text) => (
        <span key={text} class="waits">
          {text}
        </span>
      ))}
    </span>
  );
}

function Owner({ card: { agent, assignees, column } }: { card: BoardCard }) {
  const who = agent ?? assignees.join(", ");
  const title = agent && column !== "done" ? { title: translate("card.agent", { who }) } : {};
  return who ? (
    <span class="who" data-agent={agent ? "yes" : "no"} {...title}>
      {who.slice(0, 80)}
    </span>
  ) : null;
}

type StopProps = { task: string; who: string; class?: string; onDone?: () => Promise<void> };

/** The button that stops the work of the agent that holds a task: a sign on a card, with its name elsewhere. */
export function StopButton({ task, who, class: classes, onDone }: StopProps) {
  const name = translate("card.stop", { key: task, who });
  async function stop() {
    await sendJson(fillPath("/api/tasks/:task/remarks", { task }), { text: "stop" });
    await onDone?.();
  }
  const look = classes ? { class: classes, text: "⏹", label: name } : { text: `⏹ ${name}` };
  return <Button {...look} route="POST /api/tasks/:key/remarks" question={`${name}?`} onPress={stop} />;
}

/** The link to a task in Plane; nothing for an address that is invalid or not HTTP(S). */
export function PlaneLink({ url, task }: { url: string; task: string }) {
  const label = translate("card.open", { key: task });
  const target = URL.parse(url);
  return target && /^https?:$/.test(target.protocol) ? (
    <a class="out" href={target.href} target="_blank" rel="noopener noreferrer" aria-label={label} title={label}>
      ↗
    </a>
  ) : null;
}

/** The mark of a status. Its shape tells it apart as well as its colour. */
export function StateMark({ column }: { column: BoardColumn }) {
  return <i class="state" data-state={column} aria-hidden="true" />;
}

/** The status as a word. */
export function describeStatus({ column, word }: BoardCard): string {
  return translate(`status.${word === "cancelled" ? word : column}`);
}

/** The key of a task as a button that shows its activity. */
export function KeyButton({ task }: { task: string }) {
  return (
    <button type="button" class="key" title={translate("card.trail", { key: task })} onClick={() => chooseTask(task)}>
      {task}
    </button>
  );
}

/** A task as one line: its key, its title and a note. */
export function TaskRow({ card, note }: { card: BoardCard; note: string | undefined }) {
  const { key, title, column } = card;
  return (
    <li class="task">
      <StateMark column={column} />
      <span class="sr">{describeStatus(card)}: </span>
      <KeyButton task={key} />
      <UserText text={title} max={120} />
      {note && <span class="note">{note}</span>}
    </li>
  );
}

/** Makes Tab stop at one task only; arrow keys reach the others. */
export function setTabStop(root: HTMLElement, task?: HTMLElement): void {
  for (const el of findElements(root, ":is(.card, .node) > *")) el.tabIndex = el.parentElement === task ? 0 : -1;
}

/**
 * Moves the focus to the task to which a key leads: up and down in a column, left and right to those that wait for the
 * task or for which it waits, else to the nearest of the next column that has one.
 */
export function moveFocus(event: KeyboardEvent): void {
  const task = findTarget(event, ".card, .node");
  const root = event.currentTarget;
  if (!task || !(root instanceof HTMLElement)) return;
  const tasks = findElements(root, ".card, .node").filter((one) => one.checkVisibility());
  const places = new Map(tasks.map((one) => [one, one.getBoundingClientRect()]));
  const { x = 0, y = 0 } = places.get(task) ?? {};
  const column = tasks.filter((one) => places.get(one)?.x === x);
  const index = column.indexOf(task);
  function findBeside(side: "before" | "after", step: number) {
    const keys = task?.dataset[side]?.split(" ") ?? [];
    const linked = tasks.filter(({ dataset }) => keys.includes(dataset["task"] ?? ""));
    const found = (linked.length > 0 ? linked : tasks).map((one) => ({ one, place: places.get(one) ?? { x, y } }));
    return found
      .filter(({ place }) => step * (place.x - x) > 0)
      .sort((a, b) => step * (a.place.x - b.place.x) || Math.abs(a.place.y - y) - Math.abs(b.place.y - y))[0]?.one;
  }
  const target = {
    ArrowUp: () => column[index - 1],
    ArrowDown: () => column[index + 1],
    ArrowLeft: () => findBeside("before", -1),
    ArrowRight: () => findBeside("after", 1),
    Home: () => tasks[0],
    End: () => tasks.at(-1),
  }[event.key];
  if (!target) return;
  event.preventDefault();
  const next = target();
  if (!next) return;
  setTabStop(root, next);
  const button = findElement(next, "button");
  button.focus();
  button.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** Why nothing happens with a task: a sentence in which each other task is a link. */
export function WhyText({ why: { text, keys = [] } }: { why: Pick<RenderedWhy, "text" | "keys"> }) {
  const words = keys.filter((key) => /^[\w-]+$/.test(key));
  if (words.length === 0) return text;
  const parts = text.split(new RegExp(`\\b(${words.join("|")})\\b`));
  return parts.map((part, i) => (i % 2 === 0 ? part : <TaskLink key={part + i} task={part} />));
}

type RemedyProps = { subject: string; remedy: RenderedWhy["remedy"]; onDone: () => Promise<void> };

/** What changes a state: a button that does it, or a link to where one does it. */
export function RemedyButton({ subject, remedy, onDone }: RemedyProps) {
  if (!remedy) return null;
  const { label, action } = remedy;
  const { method, path, body = {} } = action;
  if (method === "GET")
    return (
      <a class="go" href={path}>
        {label}
        <span class="sr"> {subject}</span>
      </a>
    );
  async function follow() {
    await sendJson(path, method === "POST" ? body : undefined, method);
    await onDone();
  }
  const route = method === "DELETE" ? "DELETE /api/holds/:system" : "POST /api/tasks/:key/actions";
  return <Button text={label} subject={subject} route={route} onPress={follow} />;
}

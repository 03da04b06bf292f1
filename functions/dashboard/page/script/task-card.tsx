/** Tasks as they look in every view: the card, the row and the mark of the status. */

import type { BoardCard, BoardColumn } from "../../answers.ts";
import { fillPath, sendJson } from "./api.ts";
import { Button, UserText } from "./elements.tsx";
import { findElement, findElements } from "./find-elements.ts";
import { formatClock, formatDay, formatTime, getToday, translate } from "./language.ts";
import { chooseTask, getChosenTask } from "./views.ts";

const PRIORITY_MARKS = { urgent: "!! ", high: "! ", medium: "", low: "" };

/** A task as a card, which shows its activity when it is pressed. */
export function Card({ card }: { card: BoardCard }) {
  const { id, key, column, title, url, held } = card;
  const isChosen = key === getChosenTask();
  return (
    <li class={isChosen ? "card chosen" : "card"} data-state={column} data-task={key} data-key={id}>
      <button
        type="button"
        aria-pressed={isChosen}
        title={translate("card.trail", { key })}
        onClick={() => chooseTask(key)}
      >
        <CardHead card={card} />
        <UserText text={title} max={200} />
        {column !== "done" && <CardState card={card} />}
      </button>
      <PlaneLink url={url} task={key} />
      {held && <StopButton task={key} who={held.by} />}
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

/** The button that stops the work of the agent that holds the task. */
function StopButton({ task, who }: { task: string; who: string }) {
  const label = translate("card.stop", { key: task, who });
  const stop = () => sendJson(fillPath("/api/tasks/:task/remarks", { task }), { text: "stop" });
  return (
    <Button
      class="stop"
      route="POST /api/tasks/:key/remarks"
      label={label}
      onPress={() => confirm(`${label}?`) && stop()}
    >
      ⏹
    </Button>
  );
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

/** A task as one line: a button that shows its activity, its title and a note. */
export function TaskRow({ card, note }: { card: BoardCard; note: string | undefined }) {
  const { key, title, column } = card;
  return (
    <li class="task">
      <StateMark column={column} />
      <span class="sr">{describeStatus(card)}: </span>
      <button type="button" class="key" title={translate("card.trail", { key })} onClick={() => chooseTask(key)}>
        {key}
      </button>
      <UserText text={title} max={120} />
      {note && <span class="note">{note}</span>}
    </li>
  );
}

/** Makes Tab stop at one task only; arrow keys reach the others. */
export function setTabStop(root: HTMLElement, task?: HTMLElement): void {
  for (const el of findElements(root, ":is(.card, .node) > *")) el.tabIndex = el.parentElement === task ? 0 : -1;
}

/** Moves the focus to a task because of a key. */
export function focusTask(event: Event, root: HTMLElement, task?: HTMLElement): void {
  event.preventDefault();
  if (!task) return;
  const button = findElement(task, "button");
  setTabStop(root, task);
  button.focus();
  button.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** The board: columns of cards, above them the budget, the plans that are made, and what takes a while. */

import { type ComponentChildren, render } from "preact";
import type { BoardColumn, BoardPlan } from "../../answers.ts";
import type { BoardAnswer } from "../../board-route.ts";
import { fillPath } from "./api.ts";
import { drawPart, More, Switch, UserText } from "./elements.tsx";
import { findElements, findTarget, getElement } from "./find-elements.ts";
import { formatBytes, formatMoney, formatPercent, translate, translateParts } from "./language.ts";
import { Card, moveFocus, setTabStop } from "./task-card.tsx";
import { place } from "./views.ts";

export let board: BoardAnswer | undefined;

/** Cards of a column that are drawn first, and twice as many that each press of its button adds: few enough for 1,250 tasks. */
const WINDOW = 20;

/** Number of cards that each column draws. */
const drawnCounts: Partial<Record<BoardColumn, number>> = {};

/** The column that a phone shows. */
let shownColumn = "todo";

/** Shows a board: its columns, and what is above them. */
export function showBoard(answer: BoardAnswer): void {
  board = answer;
  drawLines("progress", [...listFirstLook(answer), ...answer.uploads.map(listUpload)]);
  drawLines("plans", answer.plans.map(listPlan));
  getElement("budget").hidden = !answer.budget;
  getElement("budget").textContent = answer.budget ? describeBudget(answer.budget) : "";
  drawColumns();
}

/** Draws the columns again, also when another task is chosen. */
export function drawColumns(): void {
  if (!board) return;
  const focused = findTarget({ target: document.activeElement }, ".card")?.dataset["key"];
  const root = drawPart("columns", <Columns board={board} />);
  const cards = findElements(root, ".card");
  const tabStop = cards.find((card) => card.dataset["key"] === focused) ?? cards[0];
  setTabStop(root, tabStop);
  // A card that is in another column now is another element.
  if (focused !== undefined && document.activeElement === document.body)
    tabStop?.querySelector("button")?.focus({ preventScroll: true });
}

function Columns({ board: { projects, columns, beyond } }: { board: BoardAnswer }) {
  const shown = place.status || shownColumn;
  if (projects.length === 0) return <p class="empty">{translate("empty.board")}</p>;
  function choose(name: string) {
    shownColumn = name;
    drawColumns();
  }
  const tabs = columns.map(({ name, total }) => [name, <Tab key={name} name={name} total={total} />] as const);
  const shownColumns = columns.map((column) => (
    <Column key={column.name} {...column} isOnly={columns.length === 1} isShown={column.name === shown} />
  ));
  return (
    <>
      <Switch class="tabs" label={translate("board.columns")} chosen={shown} choices={tabs} onChoose={choose} />
      {shownColumns}
      {beyond > 0 && <p class="beyond">{translate("beyond", { n: beyond })}</p>}
    </>
  );
}

function Tab({ name, total }: Pick<ColumnProps, "name" | "total">) {
  return (
    <>
      <span>{translate(`column.${name}`)}</span>
      <b>{total}</b>
    </>
  );
}

type ColumnProps = BoardAnswer["columns"][number] & { isOnly: boolean; isShown: boolean };

/** @param isShown a phone shows it */
function Column({ name, total, cards, isOnly, isShown }: ColumnProps) {
  const drawn = drawnCounts[name] ?? WINDOW;
  const left = cards.length - drawn;
  const id = `column-${name}`;
  function drawMore() {
    drawnCounts[name] = drawn + 2 * WINDOW;
    drawColumns();
  }
  const drawnCards = cards.slice(0, drawn).map((card) => <Card key={card.id} card={card} />);
  return (
    <div class={`column ${isOnly ? "only" : ""} ${isShown ? "shown" : ""}`} data-column={name}>
      <h3 id={id}>
        <i />
        <Tab name={name} total={total} />
      </h3>
      <ul aria-labelledby={id}>
        {cards.length === 0 && <li class="none">{translate("empty.column")}</li>}
        {drawnCards}
        {left > 0 && <More n={left} onPress={drawMore} />}
      </ul>
    </div>
  );
}

/** What is spent this month and what open tasks are expected to cost. */
function describeBudget(budget: NonNullable<BoardAnswer["budget"]>): string {
  const { spent, tickets, open, unknown, amount, share } = budget;
  const [spentText, openText, amountText] = [spent, open, amount].map(formatMoney);
  const values = { spent: spentText, open: openText, budget: amountText, percent: formatPercent(share) };
  const parts = [translate("budget", values)];
  if (tickets) parts.push(translate("budget.tickets", { n: formatMoney(tickets) }));
  if (unknown > 0) parts.push(translate("budget.unknown", { n: unknown }));
  return parts.join(" ");
}

/** What takes a while, and how far it is. `bar`: what screen readers call its bar, if it has one. */
interface Line {
  id: string;
  name: ComponentChildren;
  bar: string | false;
  percent: number;
  far: string;
  state?: string;
  rest?: ComponentChildren;
}

/** Draws a line for each of these. */
function drawLines(id: "plans" | "progress", lines: Line[]): void {
  getElement(id).hidden = lines.length === 0;
  render(<Lines lines={lines} />, getElement(id));
}

export function Lines({ lines }: { lines: Line[] }) {
  return lines.map(({ id: part, name, bar, percent, far, state, rest }) => (
    <li key={part} class="line" data-part={part} {...(state && { "data-state": state })}>
      {name}
      {bar && <progress max={100} value={percent} aria-label={bar.slice(0, 200)} />}
      <span class="far">{far}</span>
      {rest}
    </li>
  ));
}

/** How far the first look at Plane is. */
function listFirstLook({ first_look: look }: BoardAnswer): Line[] {
  if (!look) return [];
  const { stage, percent, projects, projects_left, items_read, tasks_left, items_left } = look;
  const counts = { done: projects - projects_left, projects, read: items_read, tasks: tasks_left, items: items_left };
  const bar = translate("progress.first_look");
  return [{ id: "first-look", name: <b>{bar}</b>, bar, percent, far: translate(`progress.${stage}`, counts) }];
}

function listUpload({ task, name: file, agent, sent, size, at }: BoardAnswer["uploads"][number]): Line {
  const what = translate("progress.upload", { agent, task });
  return {
    id: `${task} ${agent} ${file} ${at}`,
    name: <b>{translateParts<ComponentChildren>("progress.of", { what, file: <UserText text={file} max={80} /> })}</b>,
    bar: `${what} ${file}`,
    percent: size > 0 ? (100 * sent) / size : 0,
    far: translate("progress.bytes", { sent: formatBytes(sent), size: formatBytes(size) }),
  };
}

export function listPlan({ id, title, project, state, done, total, unit, reason }: BoardPlan): Line {
  const plan = translate("plan");
  const name = project ? `${title} (${project})` : title;
  return {
    id,
    state,
    name: (
      <>
        <b>{plan}</b>
        <a href={fillPath("/plans/:id", { id })}>
          <UserText text={name} max={120} />
        </a>
      </>
    ),
    bar: state === "running" && `${plan} ${name}`,
    percent: total > 0 ? (100 * done) / total : 0,
    far: translate(`plan.${unit}`, { done, total }),
    rest: [<span key="state">{translate(`plan.${state}`)}</span>, reason && <UserText key="reason" text={reason} />],
  };
}

getElement("columns").addEventListener("keydown", moveFocus);

/** The board: columns of cards, above them the budget, the plans that are made, and what takes a while. */

import { type ComponentChildren, render } from "preact";
import type { BoardAnswer, BoardColumn } from "../../answers.ts";
import { fillPath } from "./api.ts";
import { Button, drawPart, UserText } from "./elements.tsx";
import { findElements, findTarget, getElement } from "./find-elements.ts";
import { formatBytes, formatMoney, formatPercent, translate, translateParts } from "./language.ts";
import { Card, focusTask, setTabStop } from "./task-card.tsx";
import { getFilters } from "./views.ts";

const boardListeners: ((board: BoardAnswer) => void)[] = [];

let board: BoardAnswer | undefined;

/** Cards of a column that are drawn first, and twice as many that each press of its button adds: few enough for 1,250 tasks. */
const WINDOW = 20;

/** Number of cards that each column draws. */
const drawnCounts: Partial<Record<BoardColumn, number>> = {};

/** The column that a phone shows. */
let shownColumn: BoardColumn = "todo";

/** Columns and cards by which an arrow key moves the focus. */
const ARROW_STEPS: Record<string, [columns: number, cards: number]> = {
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
};

/** @param listener called with each board, and at once with the last one */
export function onBoard(listener: (board: BoardAnswer) => void): void {
  boardListeners.push(listener);
  if (board) listener(board);
}

/** Shows a board: its columns, and what is above them. */
export function showBoard(answer: BoardAnswer): void {
  board = answer;
  drawLines("progress", [...listFirstLook(answer), ...answer.uploads.map(listUpload)]);
  drawLines("plans", answer.plans.map(listPlan));
  getElement("budget").hidden = !answer.budget;
  getElement("budget").textContent = answer.budget ? describeBudget(answer.budget) : "";
  drawColumns();
  for (const listener of boardListeners) listener(answer);
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
  const shown = getFilters().status || shownColumn;
  if (projects.length === 0) return <p class="empty">{translate("empty.board")}</p>;
  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms. */}
      <div class="tabs" role="group" aria-label={translate("board.columns")}>
        {columns.map(({ name, total }) => (
          <button
            key={name}
            type="button"
            data-tab={name}
            aria-pressed={name === shown}
            onClick={() => {
              shownColumn = name;
              drawColumns();
            }}
          >
            <span>{translate(`column.${name}`)}</span>
            <b>{total}</b>
          </button>
        ))}
      </div>
      {columns.map((column) => (
        <Column key={column.name} column={column} isOnly={columns.length === 1} isShown={column.name === shown} />
      ))}
      {beyond > 0 && <p class="beyond">{translate("beyond", { n: beyond })}</p>}
    </>
  );
}

interface ColumnProps {
  column: BoardAnswer["columns"][number];
  isOnly: boolean;
  /** A phone shows it. */
  isShown: boolean;
}

function Column({ column: { name, total, cards }, isOnly, isShown }: ColumnProps) {
  const drawn = drawnCounts[name] ?? WINDOW;
  const left = cards.length - drawn;
  const id = `column-${name}`;
  return (
    <div class={`column ${isOnly ? "only" : ""} ${isShown ? "shown" : ""}`} data-column={name}>
      <h3 id={id}>
        <i />
        <span>{translate(`column.${name}`)}</span>
        <b>{total}</b>
      </h3>
      <ul aria-labelledby={id}>
        {cards.length === 0 && <li class="none">{translate("empty.column")}</li>}
        {cards.slice(0, drawn).map((card) => (
          <Card key={card.id} card={card} />
        ))}
        {left > 0 && (
          <li class="more">
            <Button
              class="quiet"
              onPress={() => {
                drawnCounts[name] = drawn + 2 * WINDOW;
                drawColumns();
              }}
            >
              {translate("board.more", { n: left })}
            </Button>
          </li>
        )}
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
  const list = getElement(id);
  list.hidden = lines.length === 0;
  render(<Lines lines={lines} />, list);
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

export function listPlan({ id, title, project, state, done, total, unit, reason }: BoardAnswer["plans"][number]): Line {
  const name = project ? `${title} (${project})` : title;
  return {
    id,
    state,
    name: (
      <>
        <b>{translate("plan")}</b>
        <a href={fillPath("/plans/:id", { id })}>
          <UserText text={name} max={120} />
        </a>
      </>
    ),
    bar: state === "running" && `${translate("plan")} ${name}`,
    percent: total > 0 ? (100 * done) / total : 0,
    far: translate(`plan.${unit}`, { done, total }),
    rest: (
      <>
        <span>{translate(`plan.${state}`)}</span>
        {reason && <UserText text={reason} />}
      </>
    ),
  };
}

/** Moves the focus with the arrow keys: up and down in a column, left and right to the next column that has a card. */
function moveFocus(event: KeyboardEvent): void {
  const card = findTarget(event, ".card");
  const step = ARROW_STEPS[event.key];
  if (!card || !step) return;
  const root = getElement("columns");
  const columns = findElements(root, ".column").map((column) => findElements(column, ".card"));
  let x = columns.findIndex((cards) => cards.includes(card));
  const y = (columns[x]?.indexOf(card) ?? 0) + step[1];
  do x += step[0];
  while (step[0] && columns[x]?.length === 0);
  const cards = columns[x] ?? [];
  focusTask(event, root, cards[Math.max(0, Math.min(y, cards.length - 1))]);
}

getElement("columns").addEventListener("keydown", moveFocus);

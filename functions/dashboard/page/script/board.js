/** The board: columns of cards, above them the progress of projects and the plans that are made. */

import {
  createButton,
  createElement,
  createUserText,
  findElement,
  findElements,
  findTarget,
  getElement,
  getLoadedElement,
  showEmpty,
  updateList,
} from "./dom.js";
import { formatBytes, formatPercent, getLanguage, translate, translateParts } from "./language.js";
import { drawCard, focusTask, setTabStop } from "./tasks.js";
import { getChosenTask } from "./views.ts";

/** @import { BoardAnswer, BoardColumn, BoardPlan } from "../../answers.ts" */

/** @type {((board: BoardAnswer) => void)[]} */
const boardListeners = [];

/** @type {BoardAnswer | undefined} */
let lastBoard;

/** Cards of a column that are drawn first, and that each press of its button adds: few enough for 1,250 tasks. */
const WINDOW = 25;

/** Number of cards that each column draws. @type {Partial<Record<BoardColumn, number>>} */
const drawnCounts = {};

/** Columns and cards by which an arrow key moves the focus. @type {Record<string, [columns: number, cards: number]>} */
const ARROW_STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

/** @param {(board: BoardAnswer) => void} listener called with each board, and at once with the last one */
export function onBoard(listener) {
  boardListeners.push(listener);
  if (lastBoard) listener(lastBoard);
}

/** Draws a column for each status and a card for each task. @param {BoardAnswer} board */
export function showBoard(board) {
  lastBoard = board;
  drawBoard(board);
  for (const listener of boardListeners) listener(board);
}

/** @param {BoardAnswer} board */
function drawBoard({ projects, columns, budget, beyond }) {
  const root = getLoadedElement("columns");
  const focusedCard = findFocusedCard();
  if (projects.length === 0) return showEmpty(root, translate("empty.board"));
  if (!root.querySelector(".column"))
    root.replaceChildren(createColumnTabs(columns), ...columns.map(({ name }) => createColumn(name)));
  for (const column of columns) drawColumn(column);
  showBudget(budget);
  root.querySelector(".beyond")?.remove();
  if (beyond > 0) root.append(createElement("p.beyond", translate("beyond", { n: beyond })));
  findElement(root, ".tabs").setAttribute("aria-label", translate("board.columns"));
  showColumn(/** @type {BoardColumn} */ (root.dataset["shown"]));
  const cards = findElements(root, ".card");
  const tabStop = cards.find((card) => focusedCard && card.dataset["key"] === focusedCard) ?? cards[0];
  setTabStop(root, tabStop);
  if (focusedCard && document.activeElement === document.body)
    tabStop?.querySelector("button")?.focus({ preventScroll: true });
  markChosenCard();
}

function findFocusedCard() {
  const card = document.activeElement?.closest(".card");
  return card instanceof HTMLElement ? card.dataset["key"] : undefined;
}

/** The buttons that choose the column that a phone shows. @param {BoardAnswer["columns"]} columns */
function createColumnTabs(columns) {
  const buttons = columns.map(({ name }) =>
    createElement(
      "button",
      { "data-tab": name, onclick: () => showColumn(name) },
      createElement("span"),
      createElement("b"),
    ),
  );
  const tabs = createElement("div.tabs", { role: "group" }, buttons);
  getElement("columns").dataset["shown"] = "todo";
  return tabs;
}

/** @param {BoardColumn} name */
function showColumn(name) {
  const root = getElement("columns");
  root.dataset["shown"] = name;
  for (const tab of findElements(root, "[data-tab]"))
    tab.setAttribute("aria-pressed", String(tab.dataset["tab"] === name));
}

/** @param {BoardColumn} name */
function createColumn(name) {
  const id = `column-${name}`;
  const heading = createElement("h3", { id }, createElement("i"), createElement("span"), createElement("b"));
  return createElement("div.column", { "data-column": name }, heading, createElement("ul", { "aria-labelledby": id }));
}

/** @param {BoardAnswer["columns"][number]} column */
function drawColumn({ name, total, cards }) {
  const column = findElement(getElement("columns"), `[data-column="${name}"]`);
  findElement(column, "h3 span").textContent = translate(`column.${name}`);
  findElement(column, "h3 b").textContent = String(total);
  const tab = findElement(getElement("columns"), `[data-tab="${name}"]`);
  findElement(tab, "span").textContent = translate(`column.${name}`);
  findElement(tab, "b").textContent = String(total);
  const list = findElement(column, "ul");
  const drawn = drawnCounts[name] ?? WINDOW;
  // Plane also updates a task's time when nothing on its card changes. Such a card is not drawn again.
  const shown = cards.slice(0, drawn).map((card) => ({ ...card, at: "" }));
  const left = cards.length - shown.length;
  const more = left > 0 ? [{ id: "more", left, name }] : [];
  if (shown.length > 0)
    updateList(list, [...shown, ...more], "id", (row) => ("left" in row ? drawMore(row) : drawCard(row)));
  else updateList(list, [{ id: "none" }], "id", () => createElement("li.none", translate("empty.column")));
}

/** The button that draws more cards of a column. @param {{ left: number, name: BoardColumn }} row */
function drawMore({ left, name }) {
  const show = () => {
    drawnCounts[name] = (drawnCounts[name] ?? WINDOW) + 2 * WINDOW;
    if (lastBoard) drawBoard(lastBoard);
  };
  return createElement("li.more", createButton("quiet", translate("board.more", { n: left }), show));
}

/** What is spent this month and what open tasks are expected to cost. @param {BoardAnswer["budget"]} budget */
function showBudget(budget) {
  const line = getElement("budget");
  line.hidden = !budget;
  if (!budget) return;
  const { spent, tickets, open, unknown, amount, currency, share } = budget;
  /** @param {number} value */
  const money = (value) => value.toLocaleString(getLanguage(), { style: "currency", currency });
  const values = { spent: money(spent), open: money(open), budget: money(amount), percent: formatPercent(share) };
  const parts = [translate("budget", values)];
  if (tickets) parts.push(translate("budget.tickets", { n: money(tickets) }));
  if (unknown > 0) parts.push(translate("budget.unknown", { n: unknown }));
  line.textContent = parts.join(" ");
}

export function markChosenCard() {
  for (const card of findElements(document, ".card")) {
    const isChosen = card.dataset["task"] === getChosenTask();
    card.classList.toggle("chosen", isChosen);
    card.querySelector("button")?.setAttribute("aria-pressed", String(isChosen));
  }
}

/**
 * What takes a while: what it is, which stays the same, and how far it is.
 * @typedef {{ id: string, percent: number, far: string }} Progress
 */

/**
 * Shows a line for each of these. How far it is is set in place, so that no line is drawn again for it.
 * @template {Progress} Row
 * @param {"plans" | "progress"} id @param {Row[]} rows @param {(row: Row) => HTMLElement} draw
 */
function showLines(id, rows, draw) {
  const list = getElement(id);
  list.hidden = rows.length === 0;
  updateList(
    list,
    rows.map((row) => ({ ...row, percent: 0, far: "" })),
    "id",
    draw,
  );
  for (const [i, el] of findElements(list, ":scope > li").entries()) {
    const { percent = 0, far = "" } = rows[i] ?? {};
    el.querySelector("progress")?.setAttribute("value", String(percent));
    findElement(el, ".far").textContent = far;
  }
}

/** Shows how far the first look at Plane and the running uploads are. @param {BoardAnswer} board */
export function showProgress({ first_look, uploads }) {
  showLines("progress", [...describeFirstLook(first_look), ...uploads.map(describeUpload)], drawProgress);
}

/** @param {BoardAnswer["first_look"]} look */
function describeFirstLook(look) {
  if (!look) return [];
  const { stage, percent, projects, projects_left, items_read, tasks_left, items_left } = look;
  const counts = { done: projects - projects_left, projects, read: items_read, tasks: tasks_left, items: items_left };
  const far = translate(`progress.${stage}`, counts);
  return [{ id: "first-look", name: translate("progress.first_look"), percent, far }];
}

/** @param {BoardAnswer["uploads"][number]} upload */
function describeUpload({ task, name, agent, sent, size, at }) {
  return {
    id: `${task} ${agent} ${name} ${at}`,
    name: translate("progress.upload", { agent, task }),
    file: name,
    percent: size > 0 ? (100 * sent) / size : 0,
    far: translate("progress.bytes", { sent: formatBytes(sent), size: formatBytes(size) }),
  };
}

/** @param {Progress & { name: string, file?: string }} row */
function drawProgress({ id, name, file }) {
  const title = file ? translateParts("progress.of", { what: name, file: createUserText("span", file, 80) }) : name;
  return createElement(
    "li.line",
    { "data-part": id },
    createElement("b", title),
    createProgressBar(file ? `${name} ${file}` : name),
    createElement("span.far"),
  );
}

/** @param {string} name what screen readers call it */
function createProgressBar(name) {
  return createElement("progress", { max: 100, "aria-label": name.slice(0, 200) });
}

/** Shows one line for each plan above the board, with a bar for its steps. @param {BoardPlan[]} plans */
export function showPlans(plans) {
  const rows = plans.map(({ done, total, unit, ...plan }) => {
    return { ...plan, percent: total > 0 ? (100 * done) / total : 0, far: translate(`plan.${unit}`, { done, total }) };
  });
  showLines("plans", rows, drawPlan);
}

/** @param {Omit<BoardPlan, "done" | "total" | "unit">} plan */
function drawPlan({ title, project, state, reason }) {
  const name = project ? `${title} (${project})` : title;
  return createElement(
    "li.line",
    { "data-state": state },
    createElement("b", translate("plan")),
    createUserText("span", name, 120),
    state === "running" && createProgressBar(`${translate("plan")} ${name}`),
    createElement("span.far"),
    createElement("span", translate(`plan.${state}`)),
    reason && createUserText("span", reason),
  );
}

/**
 * Moves the focus with the arrow keys: up and down in a column, left and right to the next column that has a card.
 * @param {KeyboardEvent} event
 */
function moveFocus(event) {
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

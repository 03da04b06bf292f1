/** The board: columns of cards, above them the progress of projects and the plans that are made. */

import { createElement, createUserText, findElement, findElements, findTarget, getElement, updateList } from "./dom.js";
import { formatBytes, getLanguage, translate, translateParts } from "./language.js";
import { drawCard } from "./tasks.js";
import { getChosenTask } from "./views.js";

/** @import { BoardAnswer, BoardColumn, BoardPlan } from "../../answers.ts" */
/** @import { TextPart } from "./page-types.ts" */

/** @type {((board: BoardAnswer) => void)[]} */
const boardListeners = [];

/** @type {BoardAnswer | undefined} */
let lastBoard;

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
function drawBoard(board) {
  const root = getElement("columns");
  const focusedCard = findFocusedCard();
  root.setAttribute("aria-busy", "false");
  if (board.projects.length === 0) {
    root.replaceChildren(createElement("p.empty", translate("empty.board")));
    return;
  }
  if (!root.querySelector(".column")) root.replaceChildren(...board.columns.map(({ name }) => createColumn(name)));
  for (const column of board.columns) drawColumn(column);
  showBudget(board.budget);
  root.querySelector(".beyond")?.remove();
  if (board.beyond > 0) {
    root.append(createElement("p.beyond", translate("beyond", { n: board.beyond })));
  }
  const buttons = findElements(root, ".card > button");
  const tabStop = buttons.find((button) => focusedCard && getCardKey(button) === focusedCard) ?? buttons[0];
  setTabStop(tabStop);
  if (focusedCard && document.activeElement === document.body) tabStop?.focus({ preventScroll: true });
  markChosenCard();
}

function findFocusedCard() {
  const card = document.activeElement?.closest(".card");
  return card instanceof HTMLElement ? card.dataset["key"] : undefined;
}

/** @param {BoardColumn} name */
function createColumn(name) {
  const id = `column-${name}`;
  const heading = createElement("h3", { id }, createElement("i"), createElement("span"), createElement("b"));
  const list = createElement("ul", { "aria-labelledby": id });
  return createElement("div.column", { "data-column": name }, heading, list);
}

/** @param {BoardAnswer["columns"][number]} column */
function drawColumn({ name, total, cards }) {
  const column = findElement(getElement("columns"), `[data-column="${name}"]`);
  findElement(column, "h3 span").textContent = translate(`column.${name}`);
  findElement(column, "h3 b").textContent = String(total);
  const list = findElement(column, "ul");
  if (cards.length === 0) {
    updateList(
      list,
      ["none"],
      (key) => key,
      () => createElement("li.none", translate("empty.column")),
    );
    return;
  }
  // Plane also updates a task's time when nothing on its card changes. Such a card is not drawn again.
  const shown = cards.map((card) => ({ ...card, at: "" }));
  updateList(list, shown, ({ id }) => id, drawCard);
}

/** What is spent this month and what open tasks are expected to cost. @param {BoardAnswer["budget"]} budget */
function showBudget(budget) {
  const line = getElement("budget");
  line.hidden = !budget;
  if (!budget) return;
  const { spent, tickets, open, unknown, amount, currency, share } = budget;
  /** @param {number} value */
  const money = (value) => new Intl.NumberFormat(getLanguage(), { style: "currency", currency }).format(value);
  const percent = new Intl.NumberFormat(getLanguage(), { style: "percent" }).format(share);
  const values = { spent: money(spent), open: money(open), budget: money(amount), percent };
  const parts = [translate("budget", values)];
  if (tickets) parts.push(translate("budget.tickets", { n: money(tickets) }));
  if (unknown > 0) parts.push(translate("budget.unknown", { n: unknown }));
  line.textContent = parts.join(" ");
}

/** @param {HTMLElement} button */
function getCardKey(button) {
  return button.parentElement?.dataset["key"];
}

/** Makes Tab stop at one card and its link only; arrow keys reach the others. @param {HTMLElement | undefined} button */
function setTabStop(button) {
  for (const el of findElements(getElement("columns"), ".card > *"))
    el.tabIndex = el.parentElement === button?.parentElement ? 0 : -1;
}

export function markChosenCard() {
  for (const card of findElements(document, ".card")) {
    const isChosen = card.dataset["key"] === getChosenTask()?.id;
    card.classList.toggle("chosen", isChosen);
    card.querySelector("button")?.setAttribute("aria-pressed", String(isChosen));
  }
}

/**
 * Something that takes a while: what it is, which stays the same, and how far it is.
 * @typedef {{ key: string, name: string, subject?: string, percent: number, text: string }} ProgressRow
 */

/** Shows how far the first look at Plane and the running uploads are. @param {BoardAnswer} board */
export function showProgress({ first_look, uploads }) {
  const rows = [...listFirstLook(first_look), ...uploads.map(describeUpload)];
  getElement("progress").hidden = rows.length === 0;
  updateList(
    getElement("progress"),
    // What changes with each step is set afterwards, so that the row is not drawn again.
    rows.map((row) => ({ ...row, percent: 0, text: "" })),
    ({ key }) => key,
    drawProgressRow,
  );
  for (const [i, el] of findElements(getElement("progress"), ":scope > li").entries()) {
    const row = rows[i];
    if (!row) continue;
    setProgress(el, row.percent);
    findElement(el, ".far").textContent = row.text;
  }
}

/** @param {BoardAnswer["first_look"]} look @returns {ProgressRow[]} */
function listFirstLook(look) {
  if (!look) return [];
  const { stage, percent, projects, projects_left, items_read, tasks_left, items_left } = look;
  const counts = { done: projects - projects_left, projects, read: items_read, tasks: tasks_left, items: items_left };
  return [
    {
      key: "first-look",
      name: translate("progress.first_look"),
      percent,
      text: translate(`progress.${stage}`, counts),
    },
  ];
}

/** @param {BoardAnswer["uploads"][number]} upload @returns {ProgressRow} */
function describeUpload({ task, name, agent, sent, size, at }) {
  return {
    key: `${task} ${agent} ${name} ${at}`,
    name: translate("progress.upload", { agent, task }),
    subject: name,
    percent: size > 0 ? (100 * sent) / size : 0,
    text: translate("progress.bytes", { sent: formatBytes(sent), size: formatBytes(size) }),
  };
}

/** @param {ProgressRow} row */
function drawProgressRow({ key, name, subject }) {
  /** @type {TextPart[]} */
  const title = subject
    ? translateParts("progress.of", { what: name, file: createUserText("span", subject, 80) })
    : [name];
  return createElement(
    "li.line",
    { "data-part": key },
    createElement("b", title),
    createProgressBar(subject ? `${name} ${subject}` : name),
    createElement("span.far"),
  );
}

/** Creates a bar for `setProgress`. @param {string} name what screen readers call it */
function createProgressBar(name) {
  return createElement("progress", { max: 100, "aria-label": name.slice(0, 200) });
}

/** @param {HTMLElement} root an element that contains one bar @param {number} percent */
function setProgress(root, percent) {
  const bar = root.querySelector("progress");
  if (bar) bar.value = percent;
}

/** Shows one line for each plan above the board, with a bar for its steps. @param {BoardPlan[]} plans */
export function showPlans(plans) {
  getElement("plans").hidden = plans.length === 0;
  // A finished step moves the bar; the line is drawn again only when something else changes.
  const rows = plans.map((plan) => ({ ...plan, done: 0 }));
  updateList(getElement("plans"), rows, ({ id }) => id, drawPlan);
  for (const [i, el] of findElements(getElement("plans"), ":scope > li").entries()) {
    const plan = plans[i];
    if (!plan) continue;
    const { done, total } = plan;
    setProgress(el, total > 0 ? (100 * done) / total : 0);
    findElement(el, ".far").textContent = translate("plan.steps", { done, total });
  }
}

/** @param {BoardPlan} plan */
function drawPlan({ title, project, state, reason }) {
  const name = project ? `${title} (${project})` : title;
  return createElement(
    "li.line",
    { "data-state": state },
    createElement("b", translate("plan")),
    createUserText("span", name, 120),
    state === "running" ? createProgressBar(`${translate("plan")} ${name}`) : undefined,
    createElement("span.far"),
    createElement("span", translate(`plan.${state}`)),
    reason ? createUserText("span", reason) : undefined,
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
  event.preventDefault();
  const columns = findElements(getElement("columns"), ".column").map((column) => findElements(column, ".card"));
  let x = columns.findIndex((cards) => cards.includes(card));
  const y = (columns[x]?.indexOf(card) ?? 0) + step[1];
  do x += step[0];
  while (step[0] && columns[x]?.length === 0);
  const cards = columns[x];
  const target = cards?.[Math.max(0, Math.min(y, cards.length - 1))];
  if (!target) return;
  const button = findElement(target, "button");
  setTabStop(button);
  button.focus();
  button.scrollIntoView({ block: "nearest", inline: "nearest" });
}

getElement("columns").addEventListener("keydown", moveFocus);

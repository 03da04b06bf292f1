import { drawCard } from "./card.js";
import { createElement, findElement, findElements, findTarget, getElement, updateList } from "./dom.js";
import { getLanguage, translate } from "./language.js";
import { getChosenTask } from "./selection.js";

/** @import { BoardAnswer } from "../../api-answers.ts" */
/** @import { BoardColumn } from "../../board-cards.ts" */

/** @type {((board: BoardAnswer) => void)[]} */
const boardListeners = [];
/** @type {BoardAnswer | undefined} */
let lastBoard;

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
    root.replaceChildren(createElement("p", { class: "empty" }, translate("empty.board")));
    return;
  }
  if (!root.querySelector(".column")) root.replaceChildren(...board.columns.map(({ name }) => createColumn(name)));
  for (const column of board.columns) drawColumn(column);
  showBudget(board.budget);
  root.querySelector(".beyond")?.remove();
  if (board.beyond > 0) {
    root.append(createElement("p", { class: "beyond" }, translate("beyond", { n: board.beyond })));
  }
  const buttons = findElements(root, ".card > button");
  const tabStop = buttons.find((button) => focusedCard && getCardKey(button) === focusedCard) ?? buttons[0];
  setTabStop(tabStop);
  if (focusedCard && document.activeElement === document.body) tabStop?.focus({ preventScroll: true });
  markChosenCard();
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

function findFocusedCard() {
  const card = document.activeElement?.closest(".card");
  return card instanceof HTMLElement ? card.dataset["key"] : undefined;
}

/** @param {HTMLElement} button */
function getCardKey(button) {
  return button.parentElement?.dataset["key"];
}

/** @param {BoardColumn} name */
function createColumn(name) {
  const id = `column-${name}`;
  const heading = createElement(
    "h3",
    { id },
    createElement("i", {}),
    createElement("span", {}),
    createElement("b", {}),
  );
  const list = createElement("ul", { "aria-labelledby": id });
  return createElement("div", { class: "column", "data-column": name }, heading, list);
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
      () => createElement("li", { class: "none" }, translate("empty.column")),
    );
    return;
  }
  // Plane also updates a task's time when nothing on its card changes. Such a card is not drawn again.
  const shown = cards.map((card) => ({ ...card, at: "" }));
  updateList(list, shown, ({ id }) => id, drawCard);
}

export function markChosenCard() {
  for (const card of findElements(document, ".card")) {
    const isChosen = card.dataset["key"] === getChosenTask()?.id;
    card.classList.toggle("chosen", isChosen);
    card.querySelector("button")?.setAttribute("aria-pressed", String(isChosen));
  }
}

/** Makes Tab stop at one card and its link only; arrow keys reach the others. @param {HTMLElement | undefined} button */
function setTabStop(button) {
  for (const el of findElements(getElement("columns"), ".card > *"))
    el.tabIndex = el.parentElement === button?.parentElement ? 0 : -1;
}

/** Columns and cards by which an arrow key moves the focus. @type {Record<string, [columns: number, cards: number]>} */
const ARROW_STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

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

/** Tasks as they look in every view: the card, the row and the mark of the status. */

import { getProblemText, sendJson } from "./api.js";
import { createElement, createExternalLink, createUserText, findElement, findElements, runOnce } from "./dom.js";
import { formatClock, formatDay, formatTime, getToday, translate } from "./language.js";
import { chooseTask } from "./views.ts";

/** @import { BoardCard } from "../../answers.ts" */

const PRIORITY_MARKS = { urgent: "!!", high: "!", medium: "", low: "", none: "" };

/** @param {BoardCard} card */
export function drawCard(card) {
  const { key, column, title } = card;
  const isDone = column === "done";
  const owner = card.agent ?? card.assignees.join(", ");
  const blockers = card.blockers.map((blocker) => blocker.key).join(", ");
  const button = createElement(
    "button",
    { onclick: () => chooseTask(key), title: translate("card.trail", { key }) },
    createElement(
      "span.line",
      createElement("span.key", key),
      drawPriority(card),
      card.word === "cancelled" && createElement("span.due", translate("word.cancelled")),
      isDone && drawOwner(card, owner),
      !isDone && card.due && drawDueDay(card.due),
    ),
    createUserText("span", title, 200),
    !isDone &&
      (owner || blockers || card.held || card.review || card.unread !== undefined) &&
      createElement(
        "span.line",
        drawOwner(card, owner, card.agent && translate("card.agent", { who: owner })),
        drawClaim(card),
        card.review && createElement("span.waits", translate("card.review")),
        card.unread !== undefined && createElement("span.waits", translate("card.unread", { n: card.unread })),
        blockers && createElement("span.waits", translate("card.blockers", { keys: blockers })),
      ),
  );
  return createElement(
    "li.card",
    { "data-state": column, "data-task": key },
    button,
    drawPlaneLink(card.url, key),
    drawStop(card),
  );
}

/** The button that stops the work of the agent that holds the task. @param {BoardCard} card */
function drawStop({ key, held }) {
  if (!held) return undefined;
  const label = translate("card.stop", { key, who: held.by });
  const stop = () =>
    sendJson(`/api/tasks/${key}/remarks`, { text: "stop" }).catch((thrown) => alert(getProblemText(thrown)));
  const el = createElement("button.stop", { "aria-label": label, title: label }, "⏹");
  el.addEventListener("click", () => confirm(`${label}?`) && runOnce(el, stop));
  return el;
}

/** The link to a task in Plane. @param {string} url @param {string} key */
export function drawPlaneLink(url, key) {
  const label = translate("card.open", { key });
  return createExternalLink(url, { class: "out", "aria-label": label, title: label }, "↗");
}

/** The key of a task as a button that shows its activity. @param {{ key: string }} task @param {string} [title] */
export function drawTaskKey({ key }, title) {
  return createElement("button.key", { title, onclick: () => chooseTask(key) }, key);
}

/** @param {BoardCard} card */
function drawPriority({ priority }) {
  if (priority === "none") return undefined;
  const text = translate(`priority.${priority}`);
  return createElement("span.priority", { "data-is": priority }, PRIORITY_MARKS[priority], " ", text);
}

/** @param {BoardCard} card @param {string} owner @param {string} [title] */
function drawOwner({ agent }, owner, title) {
  if (!owner) return undefined;
  return createElement("span.who", { "data-agent": agent ? "yes" : "no", title }, owner.slice(0, 80));
}

/** @param {string} due */
function drawDueDay(due) {
  const isLate = due < getToday();
  const text = translate(isLate ? "card.overdue" : "card.due", { day: formatDay(due) });
  return createElement("span.due", { "data-late": isLate ? "yes" : "no" }, text);
}

/** @param {BoardCard} card */
function drawClaim({ held }) {
  if (!held) return undefined;
  const title = translate("card.held.title", { since: formatTime(held.since) });
  const text = translate("card.held", { who: held.by, until: formatClock(held.until) });
  return createElement("span.held", { title }, text);
}

/** The mark of a status. Its shape tells it apart as well as its colour. @param {BoardCard} card */
function drawStateMark({ column }) {
  return createElement("i.state", { "data-state": column, "aria-hidden": "true" });
}

/** The status as a word. @param {BoardCard} card */
export function describeStatus({ column, word }) {
  return translate(`status.${word === "cancelled" ? word : column}`);
}

/** Draws a task as one line: a button that shows its activity, its title and a note. @param {BoardCard} card */
export function drawTaskRow(card, note = "") {
  const { key, title } = card;
  return createElement(
    "li.task",
    drawStateMark(card),
    createElement("span.sr", `${describeStatus(card)}: `),
    drawTaskKey(card, translate("card.trail", { key })),
    createUserText("span", title, 120),
    note && createElement("span.note", note),
  );
}

/** Makes Tab stop at one task only; arrow keys reach the others. @param {HTMLElement} root @param {HTMLElement} [task] */
export function setTabStop(root, task) {
  for (const el of findElements(root, ":is(.card, .node) > *")) el.tabIndex = el.parentElement === task ? 0 : -1;
}

/** Moves the focus to a task because of a key. @param {Event} event @param {HTMLElement} root @param {HTMLElement} [task] */
export function focusTask(event, root, task) {
  event.preventDefault();
  if (!task) return;
  const button = findElement(task, "button");
  setTabStop(root, task);
  button.focus();
  button.scrollIntoView({ block: "nearest", inline: "nearest" });
}

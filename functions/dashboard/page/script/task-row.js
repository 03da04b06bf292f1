import { createElement, createUserText } from "./dom.js";
import { translate } from "./language.js";
import { chooseTask } from "./selection.js";

/** @import { BoardCard } from "../../board-cards.ts" */

/** The mark of a status. Its shape tells it apart as well as its colour. @param {BoardCard} card */
export function drawStateMark({ column }) {
  return createElement("i", { class: "state", "data-state": column, "aria-hidden": "true" });
}

/** The status as a word. @param {BoardCard} card */
export function describeStatus({ column, word }) {
  return translate(`status.${word === "cancelled" ? word : column}`);
}

/** Draws a task as one line: a button that shows its activity, its title and a note. @param {BoardCard} card */
export function drawTaskRow(card, note = "") {
  const { id, key, title } = card;
  return createElement(
    "li",
    { class: "task" },
    drawStateMark(card),
    createElement("span", { class: "sr" }, `${describeStatus(card)}: `),
    createElement(
      "button",
      { type: "button", class: "key", title: translate("card.trail", { key }), onclick: () => chooseTask({ id, key }) },
      key,
    ),
    createUserText("span", title, 120),
    note && createElement("span", { class: "note" }, note),
  );
}

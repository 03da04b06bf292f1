import { drawAction, drawSkipReason, getActionSummary } from "./action-text.js";
import { createElement, createUserText } from "./dom.js";
import { drawEventText } from "./event-text.js";
import { formatTime, translate } from "./language.js";
import { chooseTask } from "./selection.js";

/** @import { DecisionRow } from "../../api-answers.ts" */
/** @import { TextName } from "./page-types.ts" */

/** The entries whose technical details are open: an entry that is drawn again keeps them open. @type {Set<string>} */
const openDetails = new Set();

/**
 * Draws one decision: when, what happened to which task, and what Groundcrew did about it by which rule.
 * @param {DecisionRow} row
 */
export function drawDecision(row) {
  const time = createElement("time", { datetime: new Date(row.at).toISOString() }, formatTime(row.at));
  const subject = row.item && createUserText("span", row.item.title, 140);
  return createElement(
    "tr",
    {},
    createElement("td", { class: "when" }, time),
    createElement("td", { class: "what" }, drawSubject(row), " ", subject, drawEventText(row)),
    createElement("td", { class: "answer" }, drawAnswer(row), drawTechnicalDetails(row)),
  );
}

/** What is announced to screen readers. @param {DecisionRow} row */
export function getDecisionSummary(row) {
  return `${getSubject(row)}: ${drawEventText(row).textContent}`;
}

/** @param {DecisionRow} row */
function drawAnswer(row) {
  // That other systems get only some events is of interest to those who set them up.
  const skipped = row.held.filter(({ consumer, why }) => consumer !== "forward" || why !== "no_rule");
  const lines = [...row.asked.map((action) => drawAction(action, getSubject(row))), ...skipped.map(drawSkipReason)];
  return lines.length > 0 ? lines : [createElement("div", { class: "line held" }, translate("did.nothing"))];
}

/** @param {DecisionRow} row */
function getSubject({ item, project, cycle }) {
  if (item) return item.key;
  return cycle ? `${project.identifier} · ${cycle.slice(0, 60)}` : project.name || project.identifier;
}

/** @param {DecisionRow} row */
function drawSubject(row) {
  if (!row.item) return createElement("span", { class: "key" }, getSubject(row));
  const { id, key } = row.item;
  return createElement("button", { type: "button", class: "key", onclick: () => chooseTask({ id, key }) }, key);
}

/** @param {DecisionRow} row */
function drawTechnicalDetails(row) {
  const { id, via, event, asked, held, correlation } = row;
  /** @type {[TextName, string][]} */
  const facts = [
    ["technical.event", event.kind],
    ["technical.source", translate(/** @type {TextName} */ (`via.${via}`))],
    ...asked.map((action) => /** @type {[TextName, string]} */ (["technical.action", getActionSummary(action)])),
    ...held.map(({ consumer, why, rule }) => {
      const text = `${consumer}: ${why}${rule ? ` (${rule})` : ""}`;
      return /** @type {[TextName, string]} */ (["technical.skipped", text]);
    }),
    ["technical.correlation", correlation],
  ];
  const list = facts.flatMap(([name, text]) => [
    createElement("dt", {}, translate(name)),
    createElement("dd", { dir: "auto" }, text.slice(0, 300)),
  ]);
  const screenReaderName = createElement("span", { class: "sr" }, ` ${getSubject(row)}`);
  const summary = createElement("summary", {}, translate("technical"), screenReaderName);
  const details = createElement("details", { class: "technical", open: openDetails.has(id) }, summary);
  details.append(createElement("dl", {}, ...list));
  details.addEventListener("toggle", () => (details.open ? openDetails.add(id) : openDetails.delete(id)));
  return details;
}

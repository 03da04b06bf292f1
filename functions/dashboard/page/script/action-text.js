import { showMessage } from "./chat.js";
import { createElement, createUserText } from "./dom.js";
import { openFailedJobs } from "./failed-jobs.js";
import { findTextName, formatTime, translate, translateParts } from "./language.js";

/** @import { DecidedAction, DecisionRow } from "../../api-answers.ts" */
/** @import { RuleBasis } from "../../rule-basis.ts" */
/** @import { TextName } from "./page-types.ts" */

/**
 * Says in sentences what became of an action and which rule decided it, with a button that shows its message or the
 * failed jobs. `subject` tells screen readers what the button is about.
 * @param {DecidedAction} action @param {string} subject
 */
export function drawAction(action, subject) {
  const outcome = getOutcome(action);
  const message = "message" in outcome ? outcome.message : undefined;
  const text = createElement("span", { class: "fate", "data-is": outcome.is });
  text.append(...describeOutcome(action));
  return createElement(
    "div",
    { class: "line" },
    text,
    message ? drawButton("did.show", subject, () => showMessage(message)) : undefined,
    outcome.is === "set_aside" ? drawButton("failed_jobs", subject, openFailedJobs) : undefined,
    createElement("span", { class: "rule" }, explainRule(action)),
  );
}

/** Says in plain text what became of an action, for the technical details. @param {DecidedAction} action */
export function getActionSummary(action) {
  return `${action.rule} → ${action.target} → ${getOutcome(action).is}`;
}

/** @param {DecisionRow["held"][number]} skipped */
export function drawSkipReason({ why, rule = "", basis }) {
  const name = why === "polls" ? [createElement("bdi", {}, rule.slice(0, 80))] : drawRuleName(rule, basis);
  return createElement(
    "div",
    { class: "line held" },
    createElement("span", {}, translateParts(`held.${why}`, { rule: name })),
  );
}

/** @param {DecidedAction} action @returns {NonNullable<DecidedAction["fate"]>} */
function getOutcome({ fate }) {
  return fate ?? { is: "waiting" };
}

/** @param {TextName} name @param {string} subject @param {() => void} onclick */
function drawButton(name, subject, onclick) {
  const screenReaderName = createElement("span", { class: "sr" }, ` ${subject}`);
  return createElement("button", { type: "button", class: "link", onclick }, translate(name), screenReaderName);
}

/** @param {DecidedAction} action */
function describeOutcome(action) {
  const outcome = getOutcome(action);
  const is = outcome.is === "delivered" && outcome.repeat ? "repeat" : outcome.is;
  return translateParts(findTextName(`did.${action.queue}.${is}`) ?? "did.other", {
    to: createElement("bdi", {}, action.to.slice(0, 80)),
    at:
      "at" in outcome
        ? createElement("time", { datetime: new Date(outcome.at).toISOString() }, formatTime(outcome.at))
        : "",
    reason: "reason" in outcome ? createUserText("span", outcome.reason) : "",
  });
}

/** @param {DecidedAction} action */
function explainRule({ rule, basis, queue }) {
  if (basis === "always") return translateParts(queue === "wake" ? "rule.wake" : "rule.always", {});
  return translateParts(`rule.${basis}`, { rule: drawRuleName(rule, basis) });
}

/**
 * An entry of the settings without a name is called after its position, such as `notifications[1]`.
 * @param {string} rule @param {RuleBasis} [basis]
 */
function drawRuleName(rule, basis) {
  const [, list, index] = /^(notifications|forward)\[(\d+)\]$/.exec(basis === "settings" ? rule : "") ?? [];
  if (list)
    return translateParts("rule.numbered", { list: createElement("code", {}, list), n: String(Number(index) + 1) });
  const name = basis === "default" ? findTextName(`rule.default.${rule}`) : undefined;
  return translateParts("rule.named", { rule: createElement("bdi", {}, name ? translate(name) : rule.slice(0, 80)) });
}

import { showMessage } from "./chat.js";
import { createElement, createUserText } from "./dom.js";
import { formatDay, formatTime, translate } from "./language.js";
import { chooseTask } from "./selection.js";

/** @import { DecisionRow } from "../../api-answers.ts" */
/** @import { TextName } from "./page-types.ts" */

/**
 * Draws one decision: when and how the change was observed, the event, and each action with its outcome.
 * @param {DecisionRow} row
 */
export function drawDecision(row) {
  const via = translate(/** @type {TextName} */ (`via.${row.via}`));
  return createElement(
    "tr",
    {},
    createElement(
      "td",
      { class: "when" },
      createElement("time", { datetime: new Date(row.at).toISOString() }, formatTime(row.at)),
    ),
    createElement("td", { class: "seen" }, createElement("span", { class: "via" }, via), drawActor(row)),
    createElement(
      "td",
      { class: "what" },
      drawSubject(row),
      " ",
      createElement("b", { "data-event": row.event.kind }, describeEvent(row.event)),
      row.item && [" ", createUserText("span", row.item.title, 140)],
    ),
    createElement("td", { class: "answer" }, row.asked.map(drawAction), row.held.map(drawSkipReason)),
  );
}

/** @param {DecisionRow} row */
function drawActor(row) {
  const actor = findActor(row);
  if (!actor) return undefined;
  const isAgent = actor.isAgent ? "yes" : "no";
  const title = actor.isAgent && translate("agent");
  const name = createElement("bdi", { class: "who", "data-agent": isAgent, title }, actor.name.slice(0, 60));
  return createElement("span", { class: "muted" }, " · ", name);
}

/**
 * Work events have no actor of their own: the event itself names the agent or person.
 * @param {DecisionRow} row @returns {{ name: string, isAgent?: boolean } | undefined}
 */
function findActor({ actor, event }) {
  if (actor) return actor;
  if ("by" in event) return event.by ? { name: event.by } : undefined;
  return "agent" in event ? { name: event.agent, isAgent: true } : undefined;
}

/** @param {DecisionRow} row */
function drawSubject({ item, project, cycle }) {
  if (item) {
    const { id, key } = item;
    return createElement("button", { type: "button", class: "key", onclick: () => chooseTask({ id, key }) }, key);
  }
  const name = cycle ? `${project.identifier} · ${cycle.slice(0, 60)}` : project.identifier || project.name;
  return createElement("span", { class: "key" }, name);
}

/** @param {DecisionRow["event"]} event */
export function describeEvent(event) {
  const who = (event.name ?? translate("someone")).slice(0, 60);
  return translate(`event.${event.kind}`, { who, ...describeChange(event) });
}

/** @param {DecisionRow["event"]} event */
function describeChange(event) {
  switch (event.kind) {
    case "due":
      return { from: formatDay(event.from), to: formatDay(event.to) };
    case "priority":
      return { from: translate(`priority.${event.from}`), to: translate(`priority.${event.to}`) };
    case "renamed":
      return { from: event.from.slice(0, 120) };
    default:
      return {};
  }
}

function drawArrow() {
  return createElement("span", { class: "arrow", "aria-hidden": "true" }, "→");
}

/** @param {DecisionRow["asked"][number]} action */
function drawAction({ rule, target, fate }) {
  return createElement(
    "div",
    { class: "line" },
    createElement("span", { class: "rule" }, rule.slice(0, 80)),
    drawArrow(),
    createElement("span", { class: "target" }, target.replace(":", " ").slice(0, 80)),
    drawArrow(),
    drawOutcome(fate),
  );
}

/** @param {DecisionRow["asked"][number]["fate"]} outcome */
function drawOutcome(outcome = { is: "waiting" }) {
  const text = describeOutcome(outcome);
  const message = "message" in outcome ? outcome.message : undefined;
  const props = { class: "fate", "data-is": outcome.is };
  return message
    ? createElement("button", { type: "button", ...props, onclick: () => showMessage(message) }, text)
    : createElement("span", props, text);
}

/** @param {NonNullable<DecisionRow["asked"][number]["fate"]>} outcome */
function describeOutcome(outcome) {
  switch (outcome.is) {
    case "delivered":
      return translate(outcome.repeat ? "fate.repeat" : "fate.delivered", { at: formatTime(outcome.at) });
    case "discarded":
      return translate("fate.discarded", { at: formatTime(outcome.at) });
    case "set_aside":
      return translate("fate.set_aside", { reason: outcome.reason.slice(0, 300) });
    default:
      return translate(`fate.${outcome.is}`);
  }
}

/** @param {DecisionRow["held"][number]} skipReason */
function drawSkipReason({ consumer, why, rule = "" }) {
  const text = `✕ ${consumer}: ${translate(`held.${why}`, { rule: rule.slice(0, 80) })}`;
  return createElement("div", { class: "line held" }, createElement("span", {}, text));
}

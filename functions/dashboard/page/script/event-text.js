import { createElement, createUserText } from "./dom.js";
import { findTextName, formatDay, getLanguage, translate, translateParts } from "./language.js";

/** @import { DecisionRow } from "../../api-answers.ts" */
/** @import { TextName } from "./page-types.ts" */

/** @typedef {Pick<DecisionRow, "event" | "actor">} DescribedEvent */

/** Describes in a sentence what happened and who did it. @param {DescribedEvent} row */
export function drawEventText(row) {
  const { event } = row;
  const text = createElement("p", { class: "event", "data-event": event.kind });
  const values = { ...describeEvent(row), by: drawActor(row) };
  text.append(...translateParts(findSpecialText(event) ?? `event.${event.kind}`, values));
  return text;
}

/** @param {DescribedEvent} row @returns {(Node | string)[]} */
function drawActor({ actor, event }) {
  if (actor) return translateParts("by", { who: drawName(actor.name, actor.isAgent) });
  // Work events have no actor of their own: the event itself names the person.
  return "by" in event && event.by ? translateParts("by", { who: drawName(event.by, false) }) : [];
}

/** @param {string} name @param {boolean} isAgent */
function drawName(name, isAgent) {
  const title = isAgent && translate("agent");
  return createElement("bdi", { class: "who", "data-agent": isAgent ? "yes" : "no", title }, name.slice(0, 60));
}

/** Finds the text of a special case of an event. @param {DecisionRow["event"]} event @returns {TextName | undefined} */
function findSpecialText(event) {
  switch (event.kind) {
    case "due":
      return event.from === null ? "event.due.set" : event.to === null ? "event.due.removed" : undefined;
    case "asked":
      return event.reminder > 0 ? "event.asked.reminder" : undefined;
    case "claim_lost":
      return findTextName(`event.claim_lost.${event.why}`);
    case "ticket":
      return findTextName(`event.ticket.${event.state}`);
    case "stuck":
      return findTextName(`event.stuck.${event.why}`);
    default:
      return undefined;
  }
}

/** @param {DescribedEvent} row */
function describeEvent({ event }) {
  const agent = "agent" in event ? drawName(event.agent, true) : "";
  const text = "text" in event ? createUserText("span", event.text) : "";
  switch (event.kind) {
    case "assigned":
    case "unassigned":
      return { who: drawName(event.name ?? translate("someone"), false) };
    case "renamed":
      return { from: createUserText("span", event.from, 120) };
    case "due":
      return { from: formatDay(event.from), to: formatDay(event.to) };
    case "priority":
      return { from: translate(`priority.${event.from}`), to: translate(`priority.${event.to}`) };
    case "answered":
    case "addressed":
      return { agent, text, who: drawName(event.by, false) };
    case "claim_lost":
      return { agent, minutes: String(event.minutes ?? 15), who: drawName(event.by ?? translate("someone"), false) };
    case "review":
      return { agent, confidence: event.confidence.toLocaleString(getLanguage()) };
    case "sent_back":
    case "plan_rejected":
      return { agent, reason: drawReason(event.reason) };
    case "stuck":
      return { blocker: createElement("bdi", { class: "key" }, event.blocker) };
    case "circle":
      return { path: event.path.slice(0, 12).join(" → ") };
    case "plan_proposed":
    case "plan_completed":
      return { agent, n: String(event.tasks) };
    default:
      return { agent, text };
  }
}

/** @param {string | null} reason */
function drawReason(reason) {
  return reason ? translateParts("reason", { text: createUserText("span", reason) }) : "";
}

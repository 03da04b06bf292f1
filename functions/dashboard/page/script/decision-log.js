/** The view Activity: each decision with its event, its actions and the reason of each. */

import { openFailedJobs } from "./administration.js";
import { fetchJson } from "./api.js";
import { showMessage } from "./chat.js";
import {
  createChip,
  createElement,
  createUserText,
  findElement,
  focusFirstVisible,
  getElement,
  updateList,
} from "./dom.js";
import { findTextName, formatDay, formatTime, getLanguage, translate, translateParts } from "./language.js";
import { showTrouble } from "./updates.js";
import { chooseTask, getChosenTask, getProject } from "./views.js";

/** @import { DecidedAction, DecisionLogAnswer, DecisionRow, RuleBasis } from "../../answers.ts" */
/** @import { TextName } from "./page-types.ts" */

/** Number of entries in one request; older entries are loaded on demand. */
const PAGE_SIZE = 50;

const MAX_PAGE_SIZE = 200;

/** Interval between announcements to screen readers: 5 s, so that each can be read out before the next. */
const NEWS_INTERVAL_MS = 5_000;

/** @type {DecisionRow[]} */
let shownRows = [];

/** Cursor of the next older page. @type {string | undefined} */
let olderFrom;

let wantedCount = PAGE_SIZE;

/** @type {string | undefined} */
let newestId;

let unsaidCount = 0;

let latestNews = "";

/** @type {ReturnType<typeof setTimeout> | undefined} */
let newsTimer;

/** The entries whose technical details are open: an entry that is drawn again keeps them open. @type {Set<string>} */
const openDetails = new Set();

export async function loadDecisions() {
  const filter = getFilter();
  /** @type {DecisionLogAnswer} */
  const answer = await fetchJson(getPath({ limit: Math.min(MAX_PAGE_SIZE, wantedCount) }));
  if (filter === getFilter()) showNewestDecisions(answer);
}

/** Query parameters of the task or project whose decisions are shown. */
function getFilter() {
  const task = getChosenTask();
  const project = getProject();
  return String(new URLSearchParams(task ? { item: task.id } : project ? { project } : {}));
}

/** @param {{ limit: number, before?: string | undefined }} page */
function getPath({ limit, before }) {
  const query = new URLSearchParams(getFilter());
  query.set("limit", String(limit));
  if (before) query.set("before", before);
  return `/api/why?${query}`;
}

/** Shows the newest decisions, followed by the older ones that were already loaded. @param {DecisionLogAnswer} answer */
function showNewestDecisions({ rows, next }) {
  const last = rows.at(-1);
  const older = last && next !== undefined ? shownRows.filter(({ id }) => id > last.id) : [];
  const all = [...rows, ...older];
  const shown = all.slice(0, wantedCount);
  drawDecisions(shown, shown.length < all.length ? shown.at(-1)?.id : all.length > rows.length ? olderFrom : next);
  if (!getChosenTask()) announceNews(rows);
}

/** @param {DecisionRow[]} rows @param {string | undefined} next */
function drawDecisions(rows, next) {
  shownRows = rows;
  olderFrom = next;
  const root = getElement("trail");
  const task = getChosenTask();
  root.setAttribute("aria-busy", "false");
  updateList(
    getElement("why-of"),
    task ? [task] : [],
    ({ id }) => id,
    ({ key }) => createChip(translate("why.of", { item: key }), translate("why.all"), () => chooseTask()),
  );
  if (rows.length === 0) {
    const text = translate(task ? "empty.item" : "empty.why");
    root.replaceChildren(createElement("p.empty", text));
    return;
  }
  if (!root.querySelector("table")) root.replaceChildren(createTable(), createMoreButton());
  findElement(root, "thead tr").replaceChildren(...createHeadings());
  updateList(findElement(root, "tbody"), rows, ({ id }) => id, drawDecision);
  const more = findElement(root, ".more");
  more.textContent = translate("more");
  more.hidden = next === undefined;
}

function createTable() {
  const head = createElement("thead", createElement("tr"));
  return createElement("table", head, createElement("tbody"));
}

function createMoreButton() {
  return createElement("button.quiet.more", { onclick: showOlderDecisions });
}

async function showOlderDecisions() {
  const filter = getFilter();
  try {
    /** @type {DecisionLogAnswer} */
    const { rows, next } = await fetchJson(getPath({ limit: PAGE_SIZE, before: olderFrom }));
    if (filter !== getFilter()) return;
    const known = new Set(shownRows.map(({ id }) => id));
    wantedCount = Math.max(wantedCount, shownRows.length) + rows.length;
    drawDecisions([...shownRows, ...rows.filter(({ id }) => !known.has(id))], next);
    if (next === undefined) focusFirstVisible(getElement("why"));
  } catch (thrown) {
    showTrouble("why", thrown);
  }
}

function createHeadings() {
  const names = /** @type {const} */ (["when", "what", "answer"]);
  return names.map((name) => createElement("th", { scope: "col" }, translate(`head.${name}`)));
}

/**
 * Draws one decision: when, what happened to which task, and what Groundcrew did about it by which rule.
 * @param {DecisionRow} row
 */
function drawDecision(row) {
  const time = createElement("time", { datetime: new Date(row.at).toISOString() }, formatTime(row.at));
  const subject = row.item && createUserText("span", row.item.title, 140);
  return createElement(
    "tr",
    createElement("td.when", time),
    createElement("td.what", drawSubject(row), " ", subject, drawEventText(row)),
    createElement("td.answer", drawAnswer(row), drawTechnicalDetails(row)),
  );
}

/** @param {DecisionRow} row */
function drawSubject(row) {
  if (!row.item) return createElement("span.key", getSubject(row));
  const { id, key } = row.item;
  return createElement("button.key", { onclick: () => chooseTask({ id, key }) }, key);
}

/** @param {DecisionRow} row */
function getSubject({ item, project, cycle }) {
  if (item) return item.key;
  return cycle ? `${project.identifier} · ${cycle.slice(0, 60)}` : project.name || project.identifier;
}

/** @typedef {Pick<DecisionRow, "event" | "actor">} DescribedEvent */

/** Describes in a sentence what happened and who did it. @param {DescribedEvent} row */
function drawEventText(row) {
  const { event } = row;
  const text = createElement("p.event", { "data-event": event.kind });
  const values = { ...describeEvent(row), by: drawActor(row) };
  text.append(...translateParts(findSpecialText(event) ?? `event.${event.kind}`, values));
  return text;
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
      return { blocker: createElement("bdi.key", event.blocker) };
    case "circle":
      return { path: event.path.slice(0, 12).join(" → ") };
    case "plan_proposed":
    case "plan_completed":
      return { agent, n: String(event.tasks) };
    default:
      return { agent, text };
  }
}

/** @param {string} name @param {boolean} isAgent */
function drawName(name, isAgent) {
  const title = isAgent && translate("agent");
  return createElement("bdi.who", { "data-agent": isAgent ? "yes" : "no", title }, name.slice(0, 60));
}

/** @param {string | null} reason */
function drawReason(reason) {
  return reason ? translateParts("reason", { text: createUserText("span", reason) }) : "";
}

/** @param {DescribedEvent} row @returns {(Node | string)[]} */
function drawActor({ actor, event }) {
  if (actor) return translateParts("by", { who: drawName(actor.name, actor.isAgent) });
  // Work events have no actor of their own: the event itself names the person.
  return "by" in event && event.by ? translateParts("by", { who: drawName(event.by, false) }) : [];
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

/** @param {DecisionRow} row */
function drawAnswer(row) {
  // That other systems get only some events is of interest to those who set them up.
  const skipped = row.held.filter(({ consumer, why }) => consumer !== "forward" || why !== "no_rule");
  const lines = [...row.asked.map((action) => drawAction(action, getSubject(row))), ...skipped.map(drawSkipReason)];
  return lines.length > 0 ? lines : [createElement("div.line.held", translate("did.nothing"))];
}

/**
 * Says in sentences what became of an action and which rule decided it, with a button that shows its message or the
 * failed jobs. `subject` tells screen readers what the button is about.
 * @param {DecidedAction} action @param {string} subject
 */
function drawAction(action, subject) {
  const outcome = getOutcome(action);
  const message = "message" in outcome ? outcome.message : undefined;
  const text = createElement("span.fate", { "data-is": outcome.is });
  text.append(...describeOutcome(action));
  return createElement(
    "div.line",
    text,
    message ? drawButton("did.show", subject, () => showMessage(message)) : undefined,
    outcome.is === "set_aside" ? drawButton("failed_jobs", subject, openFailedJobs) : undefined,
    createElement("span.rule", explainRule(action)),
  );
}

/** @param {DecidedAction} action @returns {NonNullable<DecidedAction["fate"]>} */
function getOutcome({ fate }) {
  return fate ?? { is: "waiting" };
}

/** @param {DecidedAction} action */
function describeOutcome(action) {
  const outcome = getOutcome(action);
  const is = outcome.is === "delivered" && outcome.repeat ? "repeat" : outcome.is;
  return translateParts(findTextName(`did.${action.queue}.${is}`) ?? "did.other", {
    to: createElement("bdi", action.to.slice(0, 80)),
    at:
      "at" in outcome
        ? createElement("time", { datetime: new Date(outcome.at).toISOString() }, formatTime(outcome.at))
        : "",
    reason: "reason" in outcome ? createUserText("span", outcome.reason) : "",
  });
}

/** @param {TextName} name @param {string} subject @param {() => void} onclick */
function drawButton(name, subject, onclick) {
  const screenReaderName = createElement("span.sr", ` ${subject}`);
  return createElement("button.link", { onclick }, translate(name), screenReaderName);
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
  if (list) return translateParts("rule.numbered", { list: createElement("code", list), n: String(Number(index) + 1) });
  const name = basis === "default" ? findTextName(`rule.default.${rule}`) : undefined;
  return translateParts("rule.named", { rule: createElement("bdi", name ? translate(name) : rule.slice(0, 80)) });
}

/** @param {DecisionRow["held"][number]} skipped */
function drawSkipReason({ why, rule = "", basis }) {
  const name = why === "polls" ? [createElement("bdi", rule.slice(0, 80))] : drawRuleName(rule, basis);
  return createElement("div.line.held", createElement("span", translateParts(`held.${why}`, { rule: name })));
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
    createElement("dt", translate(name)),
    createElement("dd", { dir: "auto" }, text.slice(0, 300)),
  ]);
  const screenReaderName = createElement("span.sr", ` ${getSubject(row)}`);
  const summary = createElement("summary", translate("technical"), screenReaderName);
  const details = createElement("details.technical", { open: openDetails.has(id) }, summary);
  details.append(createElement("dl", ...list));
  details.addEventListener("toggle", () => (details.open ? openDetails.add(id) : openDetails.delete(id)));
  return details;
}

/** Says in plain text what became of an action, for the technical details. @param {DecidedAction} action */
function getActionSummary(action) {
  return `${action.rule} → ${action.target} → ${getOutcome(action).is}`;
}

/** Announces new decisions to screen readers. @param {DecisionRow[]} rows */
function announceNews(rows) {
  const [latest] = rows;
  const since = newestId;
  if (!latest || (since !== undefined && latest.id >= since)) return;
  newestId = latest.id;
  if (since === undefined) return;
  unsaidCount += rows.filter(({ id }) => id < since).length;
  latestNews = getDecisionSummary(latest);
  if (newsTimer === undefined) sayNews();
}

/** What is announced to screen readers. @param {DecisionRow} row */
function getDecisionSummary(row) {
  return `${getSubject(row)}: ${drawEventText(row).textContent}`;
}

function sayNews() {
  newsTimer = undefined;
  if (unsaidCount === 0) return;
  const text = translate(unsaidCount === 1 ? "news.one" : "news.many", { n: unsaidCount, what: latestNews });
  getElement("news").textContent = text;
  unsaidCount = 0;
  newsTimer = setTimeout(sayNews, NEWS_INTERVAL_MS);
}

/** Forgets the shown decisions, because another task or project was chosen. */
export function resetDecisions() {
  shownRows = [];
  wantedCount = PAGE_SIZE;
}

/** Makes the next load announce nothing to screen readers. */
export function resetNews() {
  newestId = undefined;
}

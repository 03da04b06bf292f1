/** The view Activity: each decision with its event, its actions and the reason of each. */

import { openFailedJobs } from "./administration.js";
import { fetchJson } from "./api.js";
import { showMessage } from "./chat.js";
import {
  createButton,
  createElement,
  createFact,
  createHeadRow,
  createUserText,
  findElement,
  focusFirstVisible,
  getElement,
  getLoadedElement,
  showEmpty,
  updateChip,
  updateList,
} from "./dom.js";
import { findTextName, formatDay, formatTime, getLanguage, translate, translateParts } from "./language.js";
import { drawTaskKey } from "./tasks.js";
import { showTrouble } from "./updates.js";
import { chooseTask, getChosenTask, getProject } from "./views.ts";

/** @import { DecidedAction, DecisionLogAnswer, DecisionRow, RuleBasis } from "../../answers.ts" */
/** @import { TextName, TextPart } from "./page-types.ts" */

/** Number of entries in one request; older entries are loaded on demand. */
const PAGE_SIZE = 50;

const MAX_PAGE_SIZE = 200;

const DECISION_HEADS = /** @type {const} */ (["when", "what", "answer"]);

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
  return String(new URLSearchParams(task ? { item: task } : project ? { project } : {}));
}

/** @param {{ limit: number, before?: string | undefined }} page */
function getPath({ limit, before }) {
  const query = new URLSearchParams(getFilter());
  query.set("limit", String(limit));
  if (before) query.set("before", before);
  return `/api/why?${query}`;
}

/** Shows the newest decisions, followed by the older ones that were already loaded. @param {DecisionLogAnswer} answer */
function showNewestDecisions({ rows, next, session }) {
  const line = getElement("why-session");
  line.hidden = !session;
  if (session)
    line.replaceChildren(...translateParts("why.session", { session: createUserText("span", session, 120) }));
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
  const root = getLoadedElement("trail");
  const task = getChosenTask();
  const chosen = task === undefined ? undefined : { id: task };
  const describeTask = (/** @type {{ id: string }} */ { id }) => translate("why.of", { item: id });
  updateChip(getElement("why-of"), chosen, describeTask, translate("why.all"), () => chooseTask());
  if (rows.length === 0) return showEmpty(root, translate(task ? "empty.item" : "empty.why"));
  if (!root.querySelector("table"))
    root.replaceChildren(
      createElement("table", createElement("thead"), createElement("tbody")),
      createButton("quiet more", "", showOlderDecisions),
    );
  findElement(root, "thead").replaceChildren(createHeadRow(DECISION_HEADS.map((name) => translate(`head.${name}`))));
  updateList(findElement(root, "tbody"), rows, "id", drawDecision);
  const more = findElement(root, ".more");
  more.textContent = translate("more");
  more.hidden = next === undefined;
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

/**
 * Draws one decision: when, what happened to which task, and what Groundcrew did about it by which rule.
 * @param {DecisionRow} row
 */
function drawDecision(row) {
  const { item } = row;
  return createElement(
    "tr",
    createElement("td.when", drawTime(row.at)),
    createElement(
      "td.what",
      item ? drawTaskKey(item) : createElement("span.key", getSubject(row)),
      " ",
      item && createUserText("span", item.title, 140),
      drawEventText(row),
    ),
    createElement("td.answer", drawAnswer(row), drawTechnicalDetails(row)),
  );
}

/** @param {number} at */
function drawTime(at) {
  return createElement("time", { datetime: new Date(at).toISOString() }, formatTime(at));
}

/** @param {DecisionRow} row */
function getSubject({ item, project, cycle }) {
  if (item) return item.key;
  return cycle ? `${project.identifier} · ${cycle.slice(0, 60)}` : project.name || project.identifier;
}

/** Describes in a sentence what happened and who did it. @param {DecisionRow} row */
function drawEventText({ event, actor }) {
  const [values, name] = describeEvent(event);
  // Work events have no actor of their own: the event itself names the person.
  const person = actor ?? ("by" in event && event.by ? { name: event.by, isAgent: false } : undefined);
  const by = person ? translateParts("by", { who: drawName(person.name, person.isAgent) }) : [];
  const text = translateParts(name ?? `event.${event.kind}`, { ...values, by });
  return createElement("p.event", { "data-event": event.kind }, text);
}

/**
 * The values in the text of an event, and the name of this text where a case has one of its own.
 * @param {DecisionRow["event"]} event
 * @returns {[values: Record<string, TextPart | TextPart[]>, name?: TextName | undefined]}
 */
function describeEvent(event) {
  const agent = "agent" in event ? drawName(event.agent, true) : "";
  const text = "text" in event ? createUserText("span", event.text) : "";
  switch (event.kind) {
    case "assigned":
    case "unassigned":
      return [{ who: drawName(event.name) }];
    case "renamed":
      return [{ from: createUserText("span", event.from, 120) }];
    case "due": {
      const name = event.from === null ? "event.due.set" : event.to === null ? "event.due.removed" : undefined;
      return [{ from: formatDay(event.from), to: formatDay(event.to) }, name];
    }
    case "priority":
      return [{ from: translate(`priority.${event.from}`), to: translate(`priority.${event.to}`) }];
    case "asked":
      return [{ agent, text }, event.reminder > 0 ? "event.asked.reminder" : undefined];
    case "answered":
    case "addressed":
      return [{ agent, text, who: drawName(event.by) }];
    case "claim_lost": {
      const values = { agent, minutes: String(event.minutes ?? 15), who: drawName(event.by) };
      return [values, findTextName(`event.claim_lost.${event.why}`)];
    }
    case "ticket":
      return [
        { agent, text },
        findTextName(`event.ticket.${event.reason}`) ?? findTextName(`event.ticket.${event.state}`),
      ];
    case "review":
      return [{ agent, confidence: event.confidence.toLocaleString(getLanguage()) }];
    case "sent_back":
    case "plan_rejected": {
      const { reason } = event;
      return [{ agent, reason: reason ? translateParts("reason", { text: createUserText("span", reason) }) : "" }];
    }
    case "stuck":
      return [{ blocker: createElement("bdi.key", event.blocker) }, findTextName(`event.stuck.${event.why}`)];
    case "circle":
      return [{ path: event.path.slice(0, 12).join(" → ") }];
    case "plan_proposed":
    case "plan_completed":
      return [{ agent, n: String(event.tasks) }];
    default:
      return [{ agent, text }];
  }
}

/** @param {string | undefined} name of a person whom Groundcrew may not know */
function drawName(name = translate("someone"), isAgent = false) {
  const title = isAgent && translate("agent");
  return createElement("bdi.who", { "data-agent": isAgent ? "yes" : "no", title }, name.slice(0, 60));
}

/** @param {DecisionRow} row */
function drawAnswer(row) {
  // That other systems get only some events is of interest to those who set them up.
  const skipped = row.held.filter(({ consumer, why }) => consumer !== "forward" || why !== "no_rule");
  const lines = [...row.asked.map((action) => drawAction(action, getSubject(row))), ...skipped.map(drawSkipReason)];
  return lines.length > 0 ? lines : createElement("div.line.held", translate("did.nothing"));
}

/**
 * Says in sentences what became of an action and which rule decided it, with a button that shows its message or the
 * failed jobs. `subject` tells screen readers what the button is about.
 * @param {DecidedAction} action @param {string} subject
 */
function drawAction(action, subject) {
  const { queue, to } = action;
  const outcome = getOutcome(action);
  const is = outcome.is === "delivered" && outcome.repeat ? "repeat" : outcome.is;
  const text = translateParts(findTextName(`did.${queue}.${is}`) ?? "did.other", {
    to: createElement("bdi", to.slice(0, 80)),
    at: "at" in outcome ? drawTime(outcome.at) : "",
    reason: "reason" in outcome ? createUserText("span", outcome.reason) : "",
  });
  const message = "message" in outcome ? outcome.message : undefined;
  return createElement(
    "div.line",
    createElement("span.fate", { "data-is": outcome.is }, text),
    message && createButton("link", translate("did.show"), () => showMessage(message), subject),
    outcome.is === "set_aside" && createButton("link", translate("failed_jobs"), openFailedJobs, subject),
    createElement("span.rule", explainRule(action)),
  );
}

/** @param {DecidedAction} action @returns {NonNullable<DecidedAction["fate"]>} */
function getOutcome({ fate }) {
  return fate ?? { is: "waiting" };
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
  const name = why === "polls" ? createElement("bdi", rule.slice(0, 80)) : drawRuleName(rule, basis);
  return createElement("div.line.held", createElement("span", translateParts(`held.${why}`, { rule: name })));
}

/** @param {DecisionRow} row */
function drawTechnicalDetails(row) {
  const { id, via, event, asked, held, correlation } = row;
  const facts = [
    [translate("technical.event"), event.kind],
    [translate("technical.source"), translate(/** @type {TextName} */ (`via.${via}`))],
    ...asked.map((action) => [
      translate("technical.action"),
      `${action.rule} → ${action.target} → ${getOutcome(action).is}`,
    ]),
    ...held.map(({ consumer, why, rule }) => [
      translate("technical.skipped"),
      `${consumer}: ${why}${rule ? ` (${rule})` : ""}`,
    ]),
    [translate("technical.correlation"), correlation],
  ];
  const list = facts.map(([name = "", text = ""]) => createFact(name, createElement("bdi", text.slice(0, 300))));
  const details = createElement(
    "details.technical",
    { open: openDetails.has(id) },
    createElement("summary", translate("technical"), createElement("span.sr", ` ${getSubject(row)}`)),
    createElement("dl", list),
  );
  details.addEventListener("toggle", () => (details.open ? openDetails.add(id) : openDetails.delete(id)));
  return details;
}

/** Announces new decisions to screen readers. @param {DecisionRow[]} rows */
function announceNews(rows) {
  const [latest] = rows;
  const since = newestId;
  if (!latest || (since !== undefined && latest.id >= since)) return;
  newestId = latest.id;
  if (since === undefined) return;
  unsaidCount += rows.filter(({ id }) => id < since).length;
  latestNews = `${getSubject(latest)}: ${drawEventText(latest).textContent}`;
  if (newsTimer === undefined) sayNews();
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

import { fetchJson } from "./api.js";
import { drawDecision, getDecisionSummary } from "./decision-row.js";
import { createChip, createElement, findElement, focusFirstVisible, getElement, updateList } from "./dom.js";
import { translate } from "./language.js";
import { showTrouble } from "./refresh.js";
import { chooseTask, getChosenTask, getProject } from "./selection.js";

/** @import { DecisionLogAnswer, DecisionRow } from "../../api-answers.ts" */

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
/** @type {number | undefined} */
let newsTimer;

export async function loadDecisions() {
  const filter = getFilter();
  /** @type {DecisionLogAnswer} */
  const answer = await fetchJson(getPath({ limit: Math.min(MAX_PAGE_SIZE, wantedCount) }));
  if (filter === getFilter()) showNewestDecisions(answer);
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
    root.replaceChildren(createElement("p", { class: "empty" }, text));
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
  const head = createElement("thead", {}, createElement("tr", {}));
  return createElement("table", {}, head, createElement("tbody", {}));
}

function createMoreButton() {
  return createElement("button", { type: "button", class: "quiet more", onclick: showOlderDecisions });
}

function createHeadings() {
  const names = /** @type {const} */ (["when", "what", "answer"]);
  return names.map((name) => createElement("th", { scope: "col" }, translate(`head.${name}`)));
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

function sayNews() {
  newsTimer = undefined;
  if (unsaidCount === 0) return;
  const text = translate(unsaidCount === 1 ? "news.one" : "news.many", { n: unsaidCount, what: latestNews });
  getElement("news").textContent = text;
  unsaidCount = 0;
  newsTimer = setTimeout(sayNews, NEWS_INTERVAL_MS);
}

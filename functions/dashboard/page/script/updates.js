/**
 * Keeps the page up to date: its parts are loaded again after each change that the server reports, and a lost
 * connection is shown and tried again.
 */

import { getProblemText, isSignInShown, requestSignIn } from "./api.js";
import { createElement, findElement, focusFirstVisible, getElement } from "./dom.js";
import { translate } from "./language.js";

/** @import { PagePart } from "./page-types.ts" */

/** @type {PagePart[]} */
let parts = [];

let isRefreshing = false;

/** Ids of the parts to load again. @type {Set<string>} */
const wanted = new Set();

/** Interval before the first reconnection: 0.5 s. Each failure doubles it, up to the maximum. */
const FIRST_RETRY_MS = 500;

const MAX_RETRY_MS = 10_000;

/** Timeout for silence on the stream: 40 s, because the server sends a beat every 15 s. */
const SILENCE_MS = 40_000;

/** Timeout for the server probe: 5 s, because a cut connection never answers. */
const PROBE_TIMEOUT_MS = 5_000;

/** Delay before the tickets are loaded again: 50 ms, in which a change of the page follows. */
const NEWS_MS = 50;

/** @type {EventSource | undefined} */
let source;

let retryMs = FIRST_RETRY_MS;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let watchdog;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let countdown;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let ticketNews;

/** Parts of the page that have news. @type {Set<string>} */
const newsParts = new Set();

/** @param {PagePart[]} all */
export function setParts(all) {
  parts = all;
}

/** Loads all parts again. */
export function refreshPage() {
  return refreshParts(parts.filter(({ place }) => !place).map(({ id }) => id));
}

/** Loads these parts again. A call during a refresh makes it run once more afterwards. @param {string[]} ids */
async function refreshParts(ids) {
  for (const id of ids) wanted.add(id);
  if (isRefreshing) return;
  isRefreshing = true;
  while (wanted.size > 0) {
    const due = parts.filter(({ id }) => wanted.has(id));
    wanted.clear();
    await Promise.all(due.map(refreshPart));
  }
  isRefreshing = false;
}

/** @param {PagePart} part */
async function refreshPart({ id, place = id, load }) {
  const trouble = findElement(getElement(place), ".trouble");
  try {
    await load();
    const hadFocus = trouble.contains(document.activeElement);
    trouble.replaceChildren();
    if (hadFocus) focusFirstVisible(getElement(place));
  } catch (thrown) {
    showTrouble(place, thrown);
  }
}

/** @param {string} id id of the part @param {unknown} thrown */
export function showTrouble(id, thrown) {
  if (isSignInShown() || !getElement("lost").hidden) return;
  const trouble = findElement(getElement(id), ".trouble");
  const text = translate("failed", { reason: getProblemText(thrown) });
  // An unchanged text is not drawn again, so that screen readers do not repeat it with each attempt.
  if (trouble.firstChild?.textContent === text) return;
  const retry = createElement("button", { type: "button", onclick: refreshPage }, translate("retry"));
  trouble.replaceChildren(createElement("p", {}, text), retry);
}

export function startUpdates() {
  connect();
  refreshPage();
}

/** Opens the event stream. When it breaks, `handleConnectionLoss` reconnects. */
function connect() {
  disconnect();
  if (document.hidden || isSignInShown()) return;
  source = new EventSource("/api/events");
  source.addEventListener("change", () => {
    restartWatchdog();
    retryMs = FIRST_RETRY_MS;
    showConnected();
    clearTimeout(ticketNews);
    newsParts.clear();
    refreshPage();
  });
  source.addEventListener("ticket", () => handleNews("tickets"));
  source.addEventListener("session", () => handleNews("sessions"));
  source.addEventListener("beat", restartWatchdog);
  source.addEventListener("again", connect);
  source.onerror = handleConnectionLoss;
  restartWatchdog();
}

function restartWatchdog() {
  clearTimeout(watchdog);
  watchdog = setTimeout(handleConnectionLoss, SILENCE_MS);
}

/** Most changes of a ticket come together with a change of the page, which loads the tickets as well. @param {string} part */
function handleNews(part) {
  restartWatchdog();
  newsParts.add(part);
  clearTimeout(ticketNews);
  ticketNews = setTimeout(() => {
    refreshParts([...newsParts]);
    newsParts.clear();
  }, NEWS_MS);
}

/** Closes the stream. Hidden pages do so because a browser allows six connections to one origin over all its pages. */
export function disconnect() {
  source?.close();
  clearTimeout(watchdog);
  clearTimeout(countdown);
}

export function isConnected() {
  return source?.readyState === EventSource.OPEN;
}

export function showConnected() {
  if (!getElement("lost").hidden) getElement("news").textContent = translate("live.back");
  getElement("live").dataset["is"] = "on";
  getElement("live").textContent = translate("live.on");
  getElement("lost").hidden = true;
  getElement("lost-what").textContent = "";
  document.body.classList.remove("offline");
}

export async function handleConnectionLoss() {
  disconnect();
  if (isSignInShown()) return;
  getElement("live").dataset["is"] = "off";
  getElement("live").textContent = "";
  const status = await probeServer();
  if (status === 401) return requestSignIn();
  if (document.hidden) return;
  const wait = Math.round(retryMs * (0.75 + Math.random() / 2));
  retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
  // The server answers, but refuses the stream: all of its streams are in use.
  const isFull = status === 200 && retryMs > 4 * FIRST_RETRY_MS;
  document.body.classList.toggle("offline", status === 0);
  countDown(isFull, Date.now() + wait);
  if (isFull) refreshPage();
}

/** Returns the HTTP status of a cheap request; 0 without an answer. */
async function probeServer() {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    return (await fetch("/api/chat", { cache: "no-store", signal })).status;
  } catch {
    return 0;
  }
}

/** @param {boolean} isFull @param {number} until */
function countDown(isFull, until) {
  clearTimeout(countdown);
  const left = until - Date.now();
  if (left <= 0) return connect();
  getElement("lost").hidden = false;
  // Changed only when it differs, so that screen readers announce it once and not each second.
  const what = translate(isFull ? "live.full" : "live.lost");
  if (getElement("lost-what").textContent !== what) getElement("lost-what").textContent = what;
  getElement("lost-wait").textContent = isFull ? "" : translate("live.wait", { n: Math.ceil(left / 1000) });
  countdown = setTimeout(() => countDown(isFull, until), Math.min(left, 1000));
}

addEventListener("online", connect);

document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));

addEventListener("pagehide", () => source?.close());

addEventListener("pageshow", (event) => event.persisted && connect());

/**
 * Keeps the page up to date: its parts are loaded again after each change that the server reports, and a lost
 * connection is shown and tried again.
 */

import { createEventStream, fetchJson, getProblemText, isSignInShown, requestSignIn } from "./api.js";
import { createElement, findElement, focusFirstVisible, getElement } from "./dom.js";
import { translate } from "./language.js";

/** @import { StreamLoss } from "./api.js" */
/** @import { PagePart } from "./page-types.ts" */

/** @type {PagePart[]} */
let parts = [];

let isRefreshing = false;

/** The server takes no further stream. */
let isFull = false;

/** Ids of the parts to load again. @type {Set<string>} */
const wanted = new Set();

/** Delay before the tickets are loaded again: 50 ms, in which a change of the page follows. */
const NEWS_MS = 50;

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
  const retry = createElement("button", { onclick: refreshPage }, translate("retry"));
  trouble.replaceChildren(createElement("p", text), retry);
}

/** Reports changes. Most changes of a ticket come together with one of the page, which loads the tickets as well. */
const stream = createEventStream({
  path: "/api/events",
  probe: { path: "/api/chat", method: "GET" },
  events: { change: handleChange, ticket: () => handleNews("tickets"), session: () => handleNews("sessions") },
  isWanted: () => !isSignInShown(),
  onBreak: () => showLive("off", ""),
  onLoss: showLoss,
  onWait: showWait,
});

export function startUpdates() {
  stream.connect();
  refreshPage();
}

export function stopUpdates() {
  stream.disconnect();
}

function handleChange() {
  showConnected();
  clearTimeout(ticketNews);
  newsParts.clear();
  refreshPage();
}

/** @param {string} part */
function handleNews(part) {
  newsParts.add(part);
  clearTimeout(ticketNews);
  ticketNews = setTimeout(() => {
    refreshParts([...newsParts]);
    newsParts.clear();
  }, NEWS_MS);
}

export function showConnected() {
  if (!stream.isOpen()) return;
  if (!getElement("lost").hidden) getElement("news").textContent = translate("live.back");
  showLive("on", translate("live.on"));
  getElement("lost").hidden = true;
  getElement("lost-what").textContent = "";
  document.body.classList.remove("offline");
}

/** @param {"on" | "off"} is @param {string} text */
function showLive(is, text) {
  getElement("live").dataset["is"] = is;
  getElement("live").textContent = text;
}

/** Ends the session of the page on the server, or shows that the server is not reached. */
export function signOut() {
  fetchJson("/api/session", { method: "DELETE" }).then(() => location.reload(), stream.handleLoss);
}

/** @param {StreamLoss} loss */
function showLoss({ status, failures, wait }) {
  if (status === 401) return requestSignIn();
  document.body.classList.toggle("offline", status === 0);
  // The server answers, but refuses the stream: all of its streams are in use.
  isFull = status === 200 && failures > 2;
  if (isFull) refreshPage();
  return wait;
}

/** @param {number} left time until the next attempt */
function showWait(left) {
  getElement("lost").hidden = false;
  // Changed only when it differs, so that screen readers announce it once and not each second.
  const what = translate(isFull ? "live.full" : "live.lost");
  if (getElement("lost-what").textContent !== what) getElement("lost-what").textContent = what;
  getElement("lost-wait").textContent = isFull ? "" : translate("live.wait", { n: Math.ceil(left / 1000) });
}

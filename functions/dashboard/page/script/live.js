import { isSignInShown, requestSignIn } from "./api.js";
import { getElement } from "./dom.js";
import { translate } from "./language.js";
import { refreshPage, refreshParts } from "./refresh.js";

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
/** @type {number | undefined} */
let watchdog;
/** @type {number | undefined} */
let countdown;
/** @type {number | undefined} */
let ticketNews;
/** Parts of the page that have news. @type {Set<string>} */
const newsParts = new Set();

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

function restartWatchdog() {
  clearTimeout(watchdog);
  watchdog = setTimeout(handleConnectionLoss, SILENCE_MS);
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

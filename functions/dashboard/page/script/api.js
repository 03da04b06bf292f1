/** Requests to the server, the texts of their errors, and streams of events. */

import { getElement } from "./dom.js";
import { getLanguage, translate } from "./language.js";
import { TEXTS } from "./page-texts.ts";

/** @import { TextName } from "./page-types.ts" */

/** Timeout for one request: 20 s, so that a request without an answer does not block the ones after it. */
export const ANSWER_TIMEOUT_MS = 20_000;

/** Interval before the first reconnection of a stream: 0.5 s. Each failure doubles it, up to the maximum. */
const FIRST_RETRY_MS = 500;

const MAX_RETRY_MS = 10_000;

/** Timeout for silence on a stream: 40 s, because the server sends a beat every 15 s. */
const SILENCE_MS = 40_000;

/** Timeout for the probe after a failure: 5 s, because a cut connection never answers. */
const PROBE_TIMEOUT_MS = 5_000;

class ApiError extends Error {
  /**
   * @param {string} message @param {string} [code] the server's error code
   * @param {string} [text] what the server says in the page's language
   */
  constructor(message, code, text) {
    super(message);
    this.code = code;
    this.text = text;
  }
}

/** @type {() => void} */
let openSignIn = () => {};

/** @param {() => void} show called when the session is missing or has expired */
export function onSignInNeeded(show) {
  openSignIn = show;
}

export function requestSignIn() {
  openSignIn();
}

export function isSignInShown() {
  return !getElement("sign-in").hidden;
}

/**
 * Requests JSON from the server. Rejects with an error whose message can be shown on the page.
 * @template Answer
 * @param {string} path @param {RequestInit} [init]
 * @returns {Promise<Answer>}
 */
export async function fetchJson(path, init) {
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const headers = { ...init?.headers, "accept-language": getLanguage() };
  const response = await fetch(path, { cache: "no-store", signal, ...init, headers }).catch(throwUnreachable);
  if (response.status === 401 && !path.startsWith("/api/session")) {
    requestSignIn();
    throw new ApiError("401");
  }
  const body = await response.json().catch(() => (response.ok ? throwUnreachable() : {}));
  if (response.ok) return body;
  throw new ApiError(body.error?.message ?? String(response.status), body.error?.code, body.error?.text);
}

/** @param {string} path @param {object} body */
export function sendJson(path, body) {
  const headers = { "content-type": "application/json" };
  return fetchJson(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** @returns {never} */
function throwUnreachable() {
  throw new ApiError(translate("unreachable"));
}

/**
 * The text of an error in the page's language: what the server says, else by its code. The server's own message is in
 * English, for programs; the page shows it for a code without a text only.
 * @param {unknown} thrown
 */
export function getProblemText(thrown) {
  const text = getServerText(thrown);
  if (text) return text;
  const code = getProblemCode(thrown);
  if (`problem.${code}` in TEXTS.en) return translate(/** @type {TextName} */ (`problem.${code}`));
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What the server says about an error in the page's language, if anything. @param {unknown} thrown */
export function getServerText(thrown) {
  return thrown instanceof ApiError ? thrown.text : undefined;
}

/** @param {unknown} thrown */
export function getProblemCode(thrown) {
  return thrown instanceof ApiError ? thrown.code : undefined;
}

/**
 * The end of a stream: the status of the probe (0 without an answer), how often it failed in a row, and a time to wait.
 * @typedef {{ status: number, failures: number, wait: number }} StreamLoss
 */

/**
 * Creates a stream of events, which is open while the document is visible, and is opened again when it breaks. Hidden
 * documents close it because a browser allows six connections to one origin over all its documents.
 * @param {{
 *   path: string,
 *   probe: { path: string, method: "GET" | "HEAD" },
 *   events: Readonly<Record<string, (data: string) => void>>,
 *   isWanted?: () => boolean,
 *   onBreak?: () => void,
 *   onLoss: (loss: StreamLoss) => number | void,
 *   onWait?: (left: number) => void,
 * }} options
 * `probe`: a cheap request that gets the status of the stream. `onBreak`: called before the probe. `onLoss`: called after
 * it; returns the time after which the stream is opened again, if it is. `onWait`: called each second of that time
 */
export function createEventStream({ path, probe, events, isWanted = () => true, onBreak, onLoss, onWait }) {
  /** @type {EventSource | undefined} */
  let source;
  /** Ends the silence of a stream, or the wait for the next one. @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let failures = 0;

  function connect() {
    disconnect();
    if (document.hidden || !isWanted()) return;
    source = new EventSource(path);
    for (const [name, handle] of Object.entries(events))
      source.addEventListener(name, ({ data }) => {
        failures = 0;
        expectMore();
        handle(data);
      });
    source.addEventListener("beat", expectMore);
    // The stream has reached its age, or the person has signed out: the next request tells.
    source.addEventListener("again", connect);
    source.onerror = handleLoss;
    expectMore();
  }

  function disconnect() {
    source?.close();
    source = undefined;
    clearTimeout(timer);
  }

  function expectMore() {
    clearTimeout(timer);
    timer = setTimeout(handleLoss, SILENCE_MS);
  }

  async function handleLoss() {
    disconnect();
    if (!isWanted()) return;
    onBreak?.();
    const lost = timer;
    const status = await fetchStatus();
    // A connection may have been opened meanwhile, or the document hidden.
    if (source || document.hidden || timer !== lost) return;
    const wait = Math.min(FIRST_RETRY_MS * 2 ** failures, MAX_RETRY_MS);
    failures += 1;
    const chosen = onLoss({ status, failures, wait: Math.round(wait * (0.75 + Math.random() / 2)) });
    if (chosen !== undefined) connectAt(Date.now() + chosen);
  }

  async function fetchStatus() {
    try {
      const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
      return (await fetch(probe.path, { method: probe.method, cache: "no-store", signal })).status;
    } catch {
      return 0;
    }
  }

  /** @param {number} time */
  function connectAt(time) {
    const left = time - Date.now();
    if (left <= 0) return connect();
    onWait?.(left);
    timer = setTimeout(() => connectAt(time), Math.min(left, 1000));
  }

  addEventListener("online", connect);
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", (event) => event.persisted && connect());

  return {
    connect,
    disconnect,
    handleLoss,
    isOpen: () => source?.readyState === EventSource.OPEN,
    resume: () => source ?? connect(),
  };
}

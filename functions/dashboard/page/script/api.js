import { getElement } from "./dom.js";
import { translate } from "./language.js";

/** Timeout for one request: 20 s, so that a request without an answer does not block the ones after it. */
export const ANSWER_TIMEOUT_MS = 20_000;

class ApiError extends Error {
  /** @param {string} message @param {string} [code] the server's error code */
  constructor(message, code) {
    super(message);
    this.code = code;
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
  const response = await fetch(path, { cache: "no-store", signal, ...init }).catch(throwUnreachable);
  if (response.status === 401 && !path.startsWith("/api/session")) {
    requestSignIn();
    throw new ApiError("401");
  }
  const body = await response.json().catch(() => (response.ok ? throwUnreachable() : {}));
  if (response.ok) return body;
  throw new ApiError(body.error?.message ?? String(response.status), body.error?.code);
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

/** @param {unknown} thrown */
export function getProblemText(thrown) {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** @param {unknown} thrown */
export function getProblemCode(thrown) {
  return thrown instanceof ApiError ? thrown.code : undefined;
}

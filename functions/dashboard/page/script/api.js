import { getElement } from "./dom.js";
import { getLanguage, translate } from "./language.js";
import { TEXTS } from "./page-texts.js";

/** @import { TextName } from "./page-types.ts" */

/** Timeout for one request: 20 s, so that a request without an answer does not block the ones after it. */
export const ANSWER_TIMEOUT_MS = 20_000;

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

/** @import { ReceivedPicture, TerminalState } from "./page-types.ts" */

/** Interval before the first reconnection: 0.5 s. Each failure doubles it, up to the maximum. */
const FIRST_STREAM_RETRY_MS = 500;
const MAX_STREAM_RETRY_MS = 10_000;
/** Timeout for silence on the stream: 40 s, because the server sends a beat every 15 s. */
const STREAM_SILENCE_MS = 40_000;
/** Timeout for the probe after a failure: 5 s, because a cut connection never answers. */
const STREAM_PROBE_MS = 5_000;

/**
 * Reads the pictures and the state of a terminal while the document is visible, and connects again when that breaks.
 * @param {string} ticket
 * @param {{
 *   onFrame: (frame: ReceivedPicture) => void,
 *   onState: (state: TerminalState) => void,
 *   onProblem: (problem: "lost" | "signed_out" | "unknown") => void,
 * }} listeners
 */
export function startTerminalStream(ticket, { onFrame, onState, onProblem }) {
  const path = `/api/terminals/${encodeURIComponent(ticket)}`;
  /** @type {EventSource | undefined} */
  let source;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let retryMs = FIRST_STREAM_RETRY_MS;

  function connect() {
    disconnect();
    if (document.hidden) return;
    source = new EventSource(path);
    source.addEventListener("state", (event) => {
      retryMs = FIRST_STREAM_RETRY_MS;
      expectMore();
      onState(JSON.parse(event.data));
    });
    source.addEventListener("frame", (event) => {
      expectMore();
      onFrame(JSON.parse(event.data));
    });
    source.addEventListener("beat", expectMore);
    // The stream has reached its age, or the person has signed out: the next request tells.
    source.addEventListener("again", handleLoss);
    source.onerror = handleLoss;
    expectMore();
  }

  function expectMore() {
    clearTimeout(timer);
    timer = setTimeout(handleLoss, STREAM_SILENCE_MS);
  }

  function disconnect() {
    source?.close();
    source = undefined;
    clearTimeout(timer);
  }

  async function handleLoss() {
    disconnect();
    const lost = timer;
    const status = await probe();
    // A connection may have been opened meanwhile, or the document hidden.
    if (source || document.hidden || timer !== lost) return;
    if (status === 200) retryMs === FIRST_STREAM_RETRY_MS ? connectSoon(0) : connectSoon(retryMs);
    else if (status === 401) onProblem("signed_out");
    else if (status === 404) onProblem("unknown");
    else {
      onProblem("lost");
      connectSoon(retryMs);
    }
  }

  /** @param {number} wait */
  function connectSoon(wait) {
    retryMs = Math.min(retryMs * 2, MAX_STREAM_RETRY_MS);
    timer = setTimeout(connect, Math.round(wait * (0.75 + Math.random() / 2)));
  }

  /** Returns the HTTP status that the stream would have; 0 without an answer. */
  async function probe() {
    try {
      const signal = AbortSignal.timeout(STREAM_PROBE_MS);
      return (await fetch(path, { method: "HEAD", cache: "no-store", signal })).status;
    } catch {
      return 0;
    }
  }

  addEventListener("online", connect);
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", (event) => event.persisted && connect());
  // A person who has signed in elsewhere comes back to this document.
  addEventListener("focus", () => source ?? connect());
  connect();
}

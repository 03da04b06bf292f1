/**
 * The entry of the terminal's document: it receives pictures, hands them to the frame, and shows the state of the
 * session.
 */

import { onSignInNeeded, requestSignIn } from "./api.js";
import { getElement } from "./dom.js";
import { formatTime, getLanguage, onLanguageChange, setLanguage, translate, translatePage } from "./language.js";
import { setUpTyping, showTakeOver } from "./terminal-typing.js";

/** @import { ReceivedPicture, TerminalState } from "./page-types.ts" */

const ticket = document.body.dataset["ticket"] ?? "";

const screenFrame = getElement("terminal-screen");

/** @type {ReceivedPicture | undefined} the newest picture */
let newest;

/** @type {ReceivedPicture | undefined} the picture that the frame has */
let drawn;

/** The frame has drawn what it was sent and takes the next picture. */
let isFrameReady = false;

/** @type {TerminalState | undefined} */
let state;

/** @type {"connecting" | "open" | "lost" | "signed_out" | "unknown"} */
let connection = "connecting";

/** Interval before the first reconnection: 0.5 s. Each failure doubles it, up to the maximum. */
const FIRST_STREAM_RETRY_MS = 500;

const MAX_STREAM_RETRY_MS = 10_000;

/** Timeout for silence on the stream: 40 s, because the server sends a beat every 15 s. */
const STREAM_SILENCE_MS = 40_000;

/** Timeout for the probe after a failure: 5 s, because a cut connection never answers. */
const STREAM_PROBE_MS = 5_000;

/** Sends the newest picture to the frame, one at a time. The frame has no origin, so its messages are only a signal. */
function drawNewest() {
  if (!isFrameReady || newest === drawn) return;
  isFrameReady = false;
  drawn = newest;
  screenFrame.contentWindow?.postMessage(newest, "*");
}

function showPhase() {
  const isLive = connection === "open" && state?.phase === "live";
  const isCurrent = isLive && state?.connected === true;
  const phase = getElement("terminal-phase");
  phase.dataset["is"] = isCurrent ? "live" : (connection === "open" && state?.phase) || connection;
  phase.textContent = getPhaseText();
  document.title = translate("terminal.title", { key: ticket });
  getElement("terminal-title").textContent = document.title;
  screenFrame.title = translate("terminal.screen", { key: ticket });
  showTakeOver(isLive);
}

function getPhaseText() {
  if (connection === "unknown") return translate("terminal.unknown", { key: ticket });
  if (connection !== "open") return translate(`terminal.${connection}`);
  if (!state) return translate("terminal.connecting");
  const time = newest && formatTime(Date.parse(newest.at));
  if (state.phase === "ended") return time ? translate("terminal.ended", { time }) : translate("terminal.ended.none");
  if (state.phase === "live" && !state.connected && time) return translate("terminal.away", { time });
  return translate(state.phase === "live" ? "terminal.live" : "terminal.waiting");
}

/**
 * Reads the pictures and the state of a terminal while the document is visible, and connects again when that breaks.
 * @param {string} ticket
 * @param {{
 *   onFrame: (frame: ReceivedPicture) => void,
 *   onState: (state: TerminalState) => void,
 *   onProblem: (problem: "lost" | "signed_out" | "unknown") => void,
 * }} listeners
 */
function startTerminalStream(ticket, { onFrame, onState, onProblem }) {
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

addEventListener("message", (event) => {
  if (event.source !== screenFrame.contentWindow || event.data !== "ready") return;
  isFrameReady = true;
  drawNewest();
});

onSignInNeeded(() => {
  connection = "signed_out";
  showPhase();
});

onLanguageChange(showPhase);

// The language is chosen on the page, which may be the document around this one.
addEventListener("storage", ({ key, newValue }) => {
  if (key === "language" && newValue) setLanguage(newValue);
});

translatePage();

setUpTyping(ticket);

showPhase();

startTerminalStream(ticket, {
  onFrame(frame) {
    newest = frame;
    drawNewest();
    if (state?.phase !== "live" || !state.connected) showPhase();
  },
  onState(received) {
    state = received;
    connection = "open";
    showPhase();
  },
  onProblem(problem) {
    if (problem === "signed_out") return requestSignIn();
    connection = problem;
    showPhase();
  },
});

document.documentElement.lang = getLanguage();

// The frame may have been ready before this script listened.
screenFrame.contentWindow?.postMessage("hello", "*");

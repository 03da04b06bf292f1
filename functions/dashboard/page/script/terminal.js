/**
 * The entry of the terminal's document: it receives pictures, hands them to the frame, and shows the state of the
 * session.
 */

import { createEventStream, onSignInNeeded, requestSignIn } from "./api.js";
import { getElement } from "./dom.js";
import { formatTime, getLanguage, onLanguageChange, setLanguage, translate, translatePage } from "./language.js";
import { setUpTyping, showTakeOver } from "./terminal-typing.js";

/** @import { StreamLoss } from "./api.js" */
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

const path = `/api/terminals/${encodeURIComponent(ticket)}`;

/** The pictures and the state of the terminal. */
const stream = createEventStream({
  path,
  probe: { path, method: "HEAD" },
  events: { frame: (data) => showFrame(JSON.parse(data)), state: (data) => showState(JSON.parse(data)) },
  onLoss: showLoss,
});

/** @param {ReceivedPicture} frame */
function showFrame(frame) {
  newest = frame;
  drawNewest();
  if (state?.phase !== "live" || !state.connected) showPhase();
}

/** @param {TerminalState} received */
function showState(received) {
  state = received;
  connection = "open";
  showPhase();
}

/** @param {StreamLoss} loss */
function showLoss({ status, failures, wait }) {
  if (status === 401) return requestSignIn();
  if (status === 200) return failures === 1 ? 0 : wait;
  connection = status === 404 ? "unknown" : "lost";
  showPhase();
  return status === 404 ? undefined : wait;
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

// A person who has signed in elsewhere comes back to this document.
addEventListener("focus", stream.resume);

stream.connect();

document.documentElement.lang = getLanguage();

// The frame may have been ready before this script listened.
screenFrame.contentWindow?.postMessage("hello", "*");

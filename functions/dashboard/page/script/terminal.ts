/**
 * The entry of the terminal's document: it receives pictures, hands them to the frame, and shows the state of the
 * session.
 */

import { createEventStream, fetchText, onSignInNeeded, openSignInForm, type StreamLoss } from "./api.ts";
import { getElement } from "./find-elements.ts";
import { formatTime, getLanguage, onLanguageChange, setLanguage, translate, translatePage } from "./language.ts";
import type { ReceivedPicture, ScreenMessage, TerminalState } from "./page-types.ts";
import { setUpTyping, showTakeOver } from "./terminal-typing.ts";

const ticket = document.body.dataset["ticket"] ?? "";
const path = `/api/terminals/${encodeURIComponent(ticket)}`;
const screenFrame = getElement("terminal-screen");

/** The newest picture, and the one that the frame has. */
let newest: ReceivedPicture | undefined;
let drawn: ReceivedPicture | undefined;

/** The frame has drawn what it was sent and takes the next picture. */
let isFrameReady = false;

let state: TerminalState | undefined;
let connection: "connecting" | "open" | "lost" | "signed_out" | "unknown" = "connecting";

/** Sends the newest picture to the frame, one at a time. The frame has no origin, so its messages are only a signal. */
function drawNewest() {
  if (!isFrameReady || newest === drawn) return;
  isFrameReady = false;
  drawn = newest;
  screenFrame.contentWindow?.postMessage(newest, "*");
}

function showPhase() {
  const isLive = connection === "open" && state?.phase === "live";
  const phase = getElement("terminal-phase");
  phase.dataset["is"] = isLive && state?.connected ? "live" : (connection === "open" && state?.phase) || connection;
  phase.textContent = getPhaseText();
  document.title = translate("terminal.title", { key: ticket });
  getElement("terminal-title").textContent = document.title;
  screenFrame.title = translate("terminal.screen", { key: ticket });
  showTakeOver(isLive);
}

function getPhaseText() {
  if (connection !== "open") return translate(`terminal.${connection}`, { key: ticket });
  if (!state) return translate("terminal.connecting");
  const time = newest && formatTime(Date.parse(newest.at));
  if (state.phase === "ended") return time ? translate("terminal.ended", { time }) : translate("terminal.ended.none");
  if (state.phase === "live" && !state.connected && time) return translate("terminal.away", { time });
  return translate(state.phase === "live" ? "terminal.live" : "terminal.waiting");
}

function showFrame(frame: ReceivedPicture) {
  newest = frame;
  drawNewest();
  if (state?.phase !== "live" || !state.connected) showPhase();
}

function showState(received: TerminalState) {
  state = received;
  showConnection("open");
}

function showConnection(present: typeof connection) {
  connection = present;
  showPhase();
}

function showLoss({ status, failures, wait }: StreamLoss): number | undefined {
  if (status === 401) {
    openSignInForm();
    return undefined;
  }
  if (status === 200) return failures === 1 ? 0 : wait;
  showConnection(status === 404 ? "unknown" : "lost");
  return status === 404 ? undefined : wait;
}

/** The pictures and the state of the terminal. */
const stream = createEventStream({
  path,
  probe: { path, method: "HEAD" },
  events: { frame: (data) => showFrame(JSON.parse(data)), state: (data) => showState(JSON.parse(data)) },
  onLoss: showLoss,
});

addEventListener("message", ({ source, data }) => {
  if (source !== screenFrame.contentWindow) return;
  if (data === "ready") {
    isFrameReady = true;
    drawNewest();
  } else if (data === "history") void loadHistory();
  else if (Number.isInteger(data?.found) && Number.isInteger(data.count)) showFound(data);
});

/** Loads the lines above the picture for the frame; where that fails, it has only the picture. */
async function loadHistory() {
  const history = await fetchText(`${path}/history`).catch(() => "");
  tellFrame({ history });
}

function tellFrame(message: ScreenMessage) {
  screenFrame.contentWindow?.postMessage(message, "*");
}

/** Looks for what is in the field. */
function find(isDown: boolean) {
  const { value } = getElement("terminal-find");
  if (value === "") getElement("terminal-found").textContent = "";
  tellFrame({ find: value, isDown });
}

/** @param found the match that is shown, from 0; the emulator counts no more than 1,000 */
function showFound({ found, count }: { found: number; count: number }) {
  const isSought = getElement("terminal-find").value !== "";
  const text = count === 0 ? translate("terminal.find.none") : `${found < 0 ? "" : `${found + 1} / `}${count}`;
  getElement("terminal-found").textContent = isSought ? text : "";
}

getElement("terminal-find").addEventListener("keydown", (event) => {
  if (event.key === "Enter") find(event.shiftKey);
});
getElement("terminal-find").addEventListener("search", ({ currentTarget }) => {
  // The field was emptied; Enter was handled as a key.
  if ((currentTarget as HTMLInputElement).value === "") find(false);
});
getElement("terminal-find-up").addEventListener("click", () => find(false));
getElement("terminal-find-down").addEventListener("click", () => find(true));
getElement("terminal-earlier").addEventListener("click", () => tellFrame({}));

onSignInNeeded(() => showConnection("signed_out"));
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

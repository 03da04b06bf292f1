/**
 * The entry of the terminal's document: it receives pictures, hands them to the frame, and shows the state of the
 * session. What a person types is collected, sent in order, and confirmed.
 */

import type { ReceivedFrame } from "../../../../shared/app/terminals.ts";
import {
  createEventStream,
  fetchText,
  fillPath,
  getProblemCode,
  getProblemText,
  onSignInNeeded,
  openSignInForm,
  type StreamLoss,
  sendJson,
} from "./api.ts";
import { findTarget, getElement } from "./find-elements.ts";
import { formatTime, onLanguageChange, setLanguage, translate, translatePage } from "./language.ts";

/** The picture of a terminal, as the stream sends it: `at` is when Groundcrew received it, ISO 8601. */
export interface ReceivedPicture extends Omit<ReceivedFrame, "at" | "history"> {
  at: string;
}

/** What this document tells the frame of the picture; without anything, it scrolls up by a screen. */
export interface ScreenMessage {
  /** The lines above the picture. */
  history?: string;
  /** A text to look for upwards, or downwards. */
  find?: string;
  isDown?: boolean;
  lines?: number;
}

/** What a viewer learns of a ticket besides pictures. */
interface TerminalState {
  state: string;
  run: number;
  phase: "waiting" | "live" | "ended";
  /** The runner that has the session is connected. */
  connected: boolean;
}

/** Keys by tmux's names, or characters without one. */
interface TypedKeys {
  kind: "names" | "text";
  parts: string[];
}

/** Pause after a request, in which further keys are collected: 100 ms, so that a runner gets at most ten inputs a second. */
const TYPING_PAUSE_MS = 100;

/** Attempts for one input, and the pause between them. A repeat has the same id, so it is typed once. */
const MAX_ATTEMPTS = 5;
const ATTEMPT_PAUSE_MS = 1_000;

/** Codes of errors after which the same request may succeed. */
const TEMPORARY_CODES = [undefined, "unavailable", "internal", "rate_limited"];

/** The keys that are no text, by the browser's names; tmux's are the same without "Arrow", except for these. */
const NAMED_KEYS = /^(?:Enter|Escape|Arrow(?:Up|Down|Left|Right)|Tab|Backspace|Delete|Home|End|Page(?:Up|Down))$/;
const OTHER_NAMES: Record<string, string> = { Backspace: "BSpace", Delete: "DC", PageUp: "PPage", PageDown: "NPage" };

/** Keys that are one input each: programs take Enter within a text as a part of it, and a key after Escape as Alt. */
const LONE_KEYS = ["Enter", "Escape"];

/** Limit of keys in one input: 400, which tmux takes in one command. */
const MAX_KEYS = 400;

const ticket = document.body.dataset["ticket"] ?? "";
const path = fillPath("/api/terminals/:ticket", { ticket });
const screenFrame = getElement<HTMLIFrameElement>("terminal-screen");
const takeButton = getElement<HTMLButtonElement>("terminal-take");
const field = getElement<HTMLTextAreaElement>("terminal-typing");
const findField = getElement<HTMLInputElement>("terminal-find");

/** The newest picture, and the one that the frame has. */
let newest: ReceivedPicture | undefined;
let drawn: ReceivedPicture | undefined;

/** The frame has drawn what it was sent and takes the next picture. */
let isFrameReady = false;

let state: TerminalState | undefined;
let connection: "connecting" | "open" | "lost" | "signed_out" | "unknown" = "connecting";

let isTyping = false;
let isSending = false;

/** Keys that are not sent yet, in order. */
let typed: TypedKeys[] = [];

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
  events: {
    frame: (data) => showFrame(JSON.parse(data)),
    state(data) {
      state = JSON.parse(data);
      showConnection("open");
    },
  },
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
  tellFrame({ history: await fetchText(`${path}/history`).catch(() => "") });
}

function tellFrame(message: ScreenMessage) {
  screenFrame.contentWindow?.postMessage(message, "*");
}

/** Looks for what is in the field. */
function find(isDown: boolean) {
  const { value } = findField;
  if (value === "") getElement("terminal-found").textContent = "";
  tellFrame({ find: value, isDown });
}

/** @param found the match that is shown, from 0; the emulator counts no more than 1,000 */
function showFound({ found, count }: { found: number; count: number }) {
  const isSought = findField.value !== "";
  const text = count === 0 ? translate("terminal.find.none") : `${found < 0 ? "" : `${found + 1} / `}${count}`;
  getElement("terminal-found").textContent = isSought ? text : "";
}

/** Takes the terminal over or gives it back; what was typed before that still arrives. */
function setTyping(shouldType: boolean, problem = "") {
  isTyping = shouldType;
  if (shouldType || problem) getElement("terminal-problem").textContent = problem;
  showTyping();
  (shouldType ? field : takeButton).focus();
}

function showTyping() {
  takeButton.textContent = translate(isTyping ? "terminal.give" : "terminal.take");
  takeButton.ariaPressed = String(isTyping);
  document.body.classList.toggle("typing", isTyping);
  getElement("terminal-keyboard").hidden = !isTyping;
  getElement("terminal-sending").textContent = isSending ? translate("terminal.sending") : "";
}

function handleKey(event: KeyboardEvent) {
  if (!isTyping || event.isComposing) return;
  const name = getKeyName(event);
  if (event.key !== "F6" && name === undefined) return;
  event.preventDefault();
  if (event.key === "F6") setTyping(false);
  else takeKey(name);
}

/**
 * The name of a key that is no text; undefined when the browser handles the key, for example because it writes a
 * character or pastes. Ctrl+J is the key that begins a new line in Claude Code, as Shift+Enter does elsewhere.
 */
function getKeyName({ key, ctrlKey, altKey, metaKey, shiftKey }: KeyboardEvent): string | undefined {
  if (metaKey) return undefined;
  if (ctrlKey) return !altKey && !shiftKey && /^[a-uw-z]$/i.test(key) ? `C-${key.toLowerCase()}` : undefined;
  if (key === "Enter" && (shiftKey || altKey)) return "C-j";
  if (altKey || !NAMED_KEYS.test(key)) return undefined;
  if (key === "Tab" && shiftKey) return "BTab";
  return OTHER_NAMES[key] ?? key.replace("Arrow", "");
}

function takeKey(name: string | undefined) {
  if (!isTyping || name === undefined) return;
  addKey("names", name);
  void sendTyped();
}

/** Adds a key to the last run of its kind. */
function addKey(kind: TypedKeys["kind"], part: string) {
  const last = typed.at(-1);
  const isLone = [part, last?.parts[0] ?? ""].some((key) => LONE_KEYS.includes(key));
  if (last?.kind === kind && !isLone && last.parts.length < MAX_KEYS) last.parts.push(part);
  else typed.push({ kind, parts: [part] });
}

/** Sends what was typed, one request after the other. What cannot be sent ends the typing. */
async function sendTyped() {
  if (isSending) return;
  isSending = true;
  showTyping();
  try {
    for (let run = typed.shift(); run; run = typed.shift()) {
      await sendKeys(run.parts.join(run.kind === "names" ? " " : ""));
      await pause(TYPING_PAUSE_MS);
    }
  } catch (thrown) {
    typed = [];
    setTyping(false, translate("terminal.not_sent", { problem: getProblemText(thrown) }));
  } finally {
    isSending = false;
    showTyping();
  }
}

/** Sends keys with an id of 128 bits; `crypto.randomUUID` does not exist over plain HTTP. */
async function sendKeys(text: string) {
  const id = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendJson(fillPath("/api/sessions/:ticket/input", { ticket }), { id, kind: "keys", text });
    } catch (thrown) {
      if (attempt >= MAX_ATTEMPTS || !TEMPORARY_CODES.includes(getProblemCode(thrown))) throw thrown;
      await pause(ATTEMPT_PAUSE_MS);
    }
  }
}

function pause(ms: number) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Takes what the keyboard, an input method or the clipboard has written into the field. Characters that tmux knows as
 * keys are named one by one, so that no word of the text is taken for the name of a key; a run of others is sent as it
 * is.
 */
function takeText() {
  const { value } = field;
  field.value = "";
  if (!isTyping || value === "") return;
  for (const character of value.toWellFormed().replaceAll("\r\n", "\n")) {
    const name = getCharacterName(character);
    if (name !== undefined) addKey("names", name);
    else if (!/\p{Cc}/u.test(character)) addKey("text", character);
  }
  void sendTyped();
}

function getCharacterName(character: string): string | undefined {
  if (/^[!-~]$/.test(character)) return character;
  return { " ": "Space", "\t": "Tab", "\n": "C-j", "\r": "C-j" }[character];
}

/** Allows to take over a session that runs. Otherwise it is given back. */
function showTakeOver(isPossible: boolean): void {
  takeButton.disabled = !isPossible;
  if (isPossible) return;
  typed = [];
  if (isTyping) setTyping(false);
}

findField.addEventListener("keydown", (event) => {
  if (event.key === "Enter") find(event.shiftKey);
});
findField.addEventListener("search", () => {
  // The field was emptied; Enter was handled as a key.
  if (findField.value === "") find(false);
});
getElement("terminal-find-up").addEventListener("click", () => find(false));
getElement("terminal-find-down").addEventListener("click", () => find(true));
getElement("terminal-earlier").addEventListener("click", () => tellFrame({}));

takeButton.addEventListener("click", () => setTyping(!isTyping));
field.addEventListener("keydown", handleKey);
field.addEventListener("input", (event) => {
  if (!(event instanceof InputEvent && event.isComposing)) takeText();
});
field.addEventListener("compositionend", takeText);
// A tap on a key leaves the focus in the field, so that the phone's keyboard stays open.
getElement("terminal-keys").addEventListener("mousedown", (event) => event.preventDefault());
getElement("terminal-keys").addEventListener("click", (event) => takeKey(findTarget(event, "button")?.dataset["key"]));
// A click on the picture would take the focus into its frame, which takes no keys.
addEventListener("blur", () => {
  if (isTyping && document.activeElement === screenFrame) setTimeout(() => field.focus());
});

onSignInNeeded(() => showConnection("signed_out"));
onLanguageChange(() => {
  showPhase();
  showTyping();
});

// The language is chosen on the page, which may be the document around this one.
addEventListener("storage", ({ key, newValue }) => {
  if (key === "language" && newValue) setLanguage(newValue);
});

translatePage();
showTyping();
showPhase();

// A person who has signed in elsewhere comes back to this document.
addEventListener("focus", stream.resume);

stream.connect();

// The frame may have been ready before this script listened.
screenFrame.contentWindow?.postMessage("hello", "*");

/** Typing into a session: text and keys are collected, sent in order, and confirmed. */

import { getProblemCode, getProblemText, sendJson } from "./api.js";
import { findTarget, getElement } from "./dom.js";
import { onLanguageChange, translate } from "./language.js";

/** Pause after a request, in which further keys are collected: 100 ms, so that a runner gets at most ten inputs a second. */
const TYPING_PAUSE_MS = 100;

/** Attempts for one input, and the pause between them. A repeat has the same id, so it is typed once. */
const MAX_ATTEMPTS = 5;

const ATTEMPT_PAUSE_MS = 1_000;

/** Codes of errors after which the same request may succeed. */
const TEMPORARY_CODES = [undefined, "unavailable", "internal", "rate_limited"];

let ticketKey = "";

let isTyping = false;

let isSending = false;

/** @type {TypedKeys[]} keys that are not sent yet, in order */
let typed = [];

/** @typedef {{ kind: "names" | "text", parts: string[] }} TypedKeys keys by tmux's names, or characters without one */

/** @type {Readonly<Record<string, string>>} tmux's names of keys, by the browser's */
const KEY_NAMES = {
  Enter: "Enter",
  Escape: "Escape",
  ArrowUp: "Up",
  ArrowDown: "Down",
  ArrowLeft: "Left",
  ArrowRight: "Right",
  Tab: "Tab",
  Backspace: "BSpace",
  Delete: "DC",
  Home: "Home",
  End: "End",
  PageUp: "PPage",
  PageDown: "NPage",
};

/** Keys that are one input each: programs take Enter within a text as a part of it, and a key after Escape as Alt. */
const LONE_KEYS = ["Enter", "Escape"];

/** Limit of keys in one input: 400, which tmux takes in one command. */
const MAX_KEYS = 400;

/** @param {string} ticket */
export function setUpTyping(ticket) {
  ticketKey = ticket;
  const field = getElement("terminal-typing");
  getElement("terminal-take").addEventListener("click", () => setTyping(!isTyping));
  field.addEventListener("keydown", handleKey);
  field.addEventListener("input", (event) => {
    if (!(event instanceof InputEvent && event.isComposing)) takeText();
  });
  field.addEventListener("compositionend", takeText);
  const keys = getElement("terminal-keys");
  keys.addEventListener("click", (event) => takeKey(findTarget(event, "button")?.dataset["key"]));
  // A tap on a key leaves the focus in the field, so that the phone's keyboard stays open.
  keys.addEventListener("mousedown", (event) => event.preventDefault());
  // A click on the picture would take the focus into its frame, which takes no keys.
  addEventListener("blur", () => {
    if (isTyping && document.activeElement === getElement("terminal-screen")) setTimeout(() => field.focus());
  });
  onLanguageChange(showTyping);
  showTyping();
}

/** Takes the terminal over or gives it back; what was typed before that still arrives. @param {boolean} shouldType */
function setTyping(shouldType) {
  isTyping = shouldType;
  if (shouldType) showTypingProblem("");
  showTyping();
  if (shouldType) getElement("terminal-typing").focus();
  else getElement("terminal-take").focus();
}

/** @param {string} text */
function showTypingProblem(text) {
  getElement("terminal-problem").textContent = text;
}

function showTyping() {
  const button = getElement("terminal-take");
  button.textContent = translate(isTyping ? "terminal.give" : "terminal.take");
  button.setAttribute("aria-pressed", String(isTyping));
  document.body.classList.toggle("typing", isTyping);
  getElement("terminal-keyboard").hidden = !isTyping;
  getElement("terminal-sending").textContent = isSending ? translate("terminal.sending") : "";
}

/** @param {KeyboardEvent} event */
function handleKey(event) {
  if (!isTyping || event.isComposing) return;
  if (event.key === "F6") {
    event.preventDefault();
    return setTyping(false);
  }
  const name = getKeyName(event);
  if (name === undefined) return;
  event.preventDefault();
  takeKey(name);
}

/**
 * The name of a key that is no text; undefined when the browser handles the key, for example because it writes a
 * character or pastes. Ctrl+J is the key that begins a new line in Claude Code, as Shift+Enter does elsewhere.
 * @param {Pick<KeyboardEvent, "key" | "ctrlKey" | "altKey" | "metaKey" | "shiftKey">} event
 */
function getKeyName({ key, ctrlKey, altKey, metaKey, shiftKey }) {
  if (metaKey) return undefined;
  if (ctrlKey && !altKey && !shiftKey && /^[a-z]$/i.test(key))
    return /^v$/i.test(key) ? undefined : `C-${key.toLowerCase()}`;
  if (ctrlKey) return undefined;
  if (key === "Enter" && (shiftKey || altKey)) return "C-j";
  if (altKey) return undefined;
  if (key === "Tab" && shiftKey) return "BTab";
  return Object.hasOwn(KEY_NAMES, key) ? KEY_NAMES[key] : undefined;
}

/** @param {string | undefined} name of a key */
function takeKey(name) {
  if (!isTyping || name === undefined) return;
  addKey("names", name);
  void sendTyped();
}

/** Adds a key to the last run of its kind. @param {TypedKeys["kind"]} kind @param {string} part */
function addKey(kind, part) {
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
      await sendInput({ id: createInputId(), kind: "keys", text: run.parts.join(run.kind === "names" ? " " : "") });
      await pause(TYPING_PAUSE_MS);
    }
  } catch (thrown) {
    typed = [];
    setTyping(false);
    showTypingProblem(translate("terminal.not_sent", { problem: getProblemText(thrown) }));
  } finally {
    isSending = false;
    showTyping();
  }
}

/** @param {{ id: string, kind: "keys", text: string }} input */
async function sendInput(input) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendJson(`/api/sessions/${encodeURIComponent(ticketKey)}/input`, input);
    } catch (thrown) {
      if (attempt >= MAX_ATTEMPTS || !TEMPORARY_CODES.includes(getProblemCode(thrown))) throw thrown;
      await pause(ATTEMPT_PAUSE_MS);
    }
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** An id of 128 bits. `crypto.randomUUID` does not exist over plain HTTP. */
function createInputId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Takes what the keyboard, an input method or the clipboard has written into the field. Characters that tmux knows as
 * keys are named one by one, so that no word of the text is taken for the name of a key; a run of others is sent as it is.
 */
function takeText() {
  const field = getElement("terminal-typing");
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

/** @param {string} character */
function getCharacterName(character) {
  if (/^[!-~]$/.test(character)) return character;
  if (character === " ") return "Space";
  if (character === "\t") return "Tab";
  return character === "\n" || character === "\r" ? "C-j" : undefined;
}

/** Allows to take over a session that runs. Otherwise it is given back. @param {boolean} isPossible */
export function showTakeOver(isPossible) {
  getElement("terminal-take").disabled = !isPossible;
  if (isPossible) return;
  typed = [];
  if (isTyping) setTyping(false);
}

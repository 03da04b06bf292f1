/** Typing into a session: text and keys are collected, sent in order, and confirmed. */

import { getProblemCode, getProblemText, sendJson } from "./api.ts";
import { findTarget, getElement } from "./find-elements.ts";
import { onLanguageChange, translate } from "./language.ts";

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
const OTHER_NAMES: Readonly<Record<string, string>> = {
  Backspace: "BSpace",
  Delete: "DC",
  PageUp: "PPage",
  PageDown: "NPage",
};

/** Keys that are one input each: programs take Enter within a text as a part of it, and a key after Escape as Alt. */
const LONE_KEYS = ["Enter", "Escape"];

/** Limit of keys in one input: 400, which tmux takes in one command. */
const MAX_KEYS = 400;

let ticketKey = "";
let isTyping = false;
let isSending = false;

/** Keys that are not sent yet, in order. */
let typed: TypedKeys[] = [];

export function setUpTyping(ticket: string): void {
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

/** Takes the terminal over or gives it back; what was typed before that still arrives. */
function setTyping(shouldType: boolean, problem = "") {
  isTyping = shouldType;
  if (shouldType || problem) getElement("terminal-problem").textContent = problem;
  showTyping();
  getElement(shouldType ? "terminal-typing" : "terminal-take").focus();
}

function showTyping() {
  const button = getElement("terminal-take");
  button.textContent = translate(isTyping ? "terminal.give" : "terminal.take");
  button.setAttribute("aria-pressed", String(isTyping));
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
      return await sendJson(`/api/sessions/${encodeURIComponent(ticketKey)}/input`, { id, kind: "keys", text });
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

function getCharacterName(character: string): string | undefined {
  if (/^[!-~]$/.test(character)) return character;
  return { " ": "Space", "\t": "Tab", "\n": "C-j", "\r": "C-j" }[character];
}

/** Allows to take over a session that runs. Otherwise it is given back. */
export function showTakeOver(isPossible: boolean): void {
  getElement("terminal-take").disabled = !isPossible;
  if (isPossible) return;
  typed = [];
  if (isTyping) setTyping(false);
}

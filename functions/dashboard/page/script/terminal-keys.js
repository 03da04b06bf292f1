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

/**
 * The name of a key that is no text; undefined when the browser handles the key, for example because it writes a
 * character or pastes. Ctrl+J is the key that begins a new line in Claude Code, as Shift+Enter does elsewhere.
 * @param {Pick<KeyboardEvent, "key" | "ctrlKey" | "altKey" | "metaKey" | "shiftKey">} event
 */
export function getKeyName({ key, ctrlKey, altKey, metaKey, shiftKey }) {
  if (metaKey) return undefined;
  if (ctrlKey && !altKey && !shiftKey && /^[a-z]$/i.test(key))
    return /^v$/i.test(key) ? undefined : `C-${key.toLowerCase()}`;
  if (ctrlKey) return undefined;
  if (key === "Enter" && (shiftKey || altKey)) return "C-j";
  if (altKey) return undefined;
  if (key === "Tab" && shiftKey) return "BTab";
  return Object.hasOwn(KEY_NAMES, key) ? KEY_NAMES[key] : undefined;
}

/**
 * Splits a text into keys. Characters that tmux knows as keys are named one by one, so that no word of the text is taken
 * for the name of a key; a run of others is sent as it is.
 * @param {string} text
 * @returns {TypedKeys[]}
 */
export function splitIntoKeys(text) {
  /** @type {TypedKeys[]} */
  const runs = [];
  for (const character of text.toWellFormed().replaceAll("\r\n", "\n")) {
    const name = getCharacterName(character);
    if (name === undefined && /\p{Cc}/u.test(character)) continue;
    addKey(runs, name === undefined ? { kind: "text", part: character } : { kind: "names", part: name });
  }
  return runs;
}

/** @param {string} character */
function getCharacterName(character) {
  if (/^[!-~]$/.test(character)) return character;
  if (character === " ") return "Space";
  if (character === "\t") return "Tab";
  return character === "\n" || character === "\r" ? "C-j" : undefined;
}

/** Keys that are one input each: programs take Enter within a text as a part of it, and a key after Escape as Alt. */
const LONE_KEYS = ["Enter", "Escape"];
/** Limit of keys in one input: 400, which tmux takes in one command. */
const MAX_KEYS = 400;

/**
 * Adds a key to the last run of its kind.
 * @param {TypedKeys[]} runs @param {{ kind: TypedKeys["kind"], part: string }} key
 */
export function addKey(runs, { kind, part }) {
  const last = runs.at(-1);
  const isLone = [part, last?.parts[0] ?? ""].some((key) => LONE_KEYS.includes(key));
  if (last?.kind === kind && !isLone && last.parts.length < MAX_KEYS) last.parts.push(part);
  else runs.push({ kind, parts: [part] });
}

/** The text of an input of the kind `keys`. @param {TypedKeys} run */
export function formatKeys({ kind, parts }) {
  return parts.join(kind === "names" ? " " : "");
}

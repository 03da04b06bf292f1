import type { SessionInput } from "./messages.ts";

/** What a person does at the keyboard. */
export type KeyAction = { kind: "line"; text: string } | { kind: "key"; name: string };

/** Names of keys as tmux has them; anything else is typed as it is. */
const KEY_NAMES = /^(?:[!-~]|Enter|Escape|Up|Down|Left|Right|Tab|BTab|Space|BSpace|DC|Home|End|PPage|NPage|C-[a-z])$/;

/** Reads an input as its runner types it: a text ends with Enter, keys are separated by spaces. */
export function readInput({ kind, text }: SessionInput): KeyAction[] {
  if (kind === "text" || kind === "paste") return [{ kind: "line", text }];
  if (kind === "interrupt") return [{ kind: "key", name: "Escape" }];
  const names = text.split(" ").filter(Boolean);
  const areNames = names.length > 0 && names.every((name) => KEY_NAMES.test(name));
  return (areNames ? names : [...text].map(toKeyName)).map((name) => ({ kind: "key", name }));
}

/** The line of input after a key; keys that move the cursor change nothing. */
export function editDraft(draft: string, key: string): string {
  if (key === "BSpace") return draft.slice(0, -1);
  if (key === "Space") return `${draft} `;
  return [...key].length === 1 ? draft + key : draft;
}

function toKeyName(character: string): string {
  if (character === "\r" || character === "\n") return "Enter";
  if (character === "\u001b") return "Escape";
  return character === "\u007f" ? "BSpace" : character;
}

import type { Word } from "./snapshot.ts";

/** A Plane state as far as it matters: Plane's groups are backlog, unstarted, started, completed, cancelled. */
export interface NamedState {
  name: string;
  group: string;
}

/** Which state names stand for which of our words, where Plane's groups do not tell (the `states` setting). */
export type WordOverrides = Partial<Record<Word, readonly string[]>>;

const BY_GROUP: Record<string, Word> = {
  backlog: "todo",
  unstarted: "todo",
  triage: "todo",
  started: "in_progress",
  completed: "done",
  cancelled: "cancelled",
};

/**
 * Our word for a work item: what the setting says of its state's name, else `blocked` for an open state called
 * Blocked, else by the state's group; the label `blocked` makes an open one blocked.
 */
export function wordOf(state: NamedState, labels: readonly string[], overrides: WordOverrides): Word {
  const name = fold(state.name);
  const named = (Object.entries(overrides) as [Word, readonly string[]][]).find(([, names]) =>
    names.some((other) => fold(other) === name),
  )?.[0];
  const word = named ?? BY_GROUP[state.group] ?? "todo";
  const open = word === "todo" || word === "in_progress";
  const called = named === undefined && name === "blocked";
  return open && (called || labels.some((label) => fold(label) === "blocked")) ? "blocked" : word;
}

function fold(name: string): string {
  return name.trim().toLowerCase();
}

import type { Ms } from "../../shared/store/port.ts";
import { byUrgency, type KeptItem, type Priority, type Word } from "../../shared/task/snapshot.ts";

/** Where a card stands. */
export type Column = "todo" | "in_progress" | "blocked" | "done";

export const COLUMNS = ["todo", "in_progress", "blocked", "done"] as const satisfies readonly Column[];

/** A work item as the board shows it; names where the store has ids. */
export interface Card {
  id: string;
  key: string;
  title: string;
  project: string;
  column: Column;
  word: Word;
  priority: Priority;
  due: string | null;
  /** Absent: it is no agent's. */
  agent?: string;
  /** The agent that works on it, store times; its claim ends at `until` unless renewed. */
  held?: { by: string; since: Ms; until: Ms };
  /** Finished, and a human looks at it before it is done. */
  review?: true;
  assignees: string[];
  labels: string[];
  blockers: { id: string; key: string; title: string }[];
  url: string;
  /** Plane's time of the last change; when it was completed, for those that are. */
  at: string;
}

/** A task is blocked by its state or by an open blocker. */
export function columnOf({ snapshot, blockers }: KeptItem): Column {
  const { word } = snapshot;
  if (word === "done" || word === "cancelled") return "done";
  return blockers.length > 0 ? "blocked" : word;
}

/** The most urgent first, then what is due first, then the oldest; what is done: the latest first. */
export function inOrder(a: Card, b: Card): number {
  if (a.column === "done" && b.column === "done") return compare(b.at, a.at);
  return byUrgency(a, b) || compare(a.due ?? "9", b.due ?? "9") || compare(a.at, b.at) || compare(a.id, b.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

import { comparePriorities, type KeptItem, type Priority, type Status } from "../../shared/task/snapshot.ts";
import type { Ms } from "../../shared/time.ts";

/** A column of the board. */
export type BoardColumn = "todo" | "in_progress" | "blocked" | "done";

export const BOARD_COLUMNS = ["todo", "in_progress", "blocked", "done"] as const satisfies readonly BoardColumn[];

/** A work item on the board, with names instead of the store's ids. */
export interface BoardCard {
  id: string;
  key: string;
  title: string;
  project: string;
  column: BoardColumn;
  word: Status;
  priority: Priority;
  due: string | null;
  /** The assigned agents; absent when no agent is assigned. */
  agent?: string;
  /** The claim of the agent that works on it, in store times; it ends at `until` unless renewed. */
  held?: { by: string; since: Ms; until: Ms };
  /** The task is finished and awaits a human's review. */
  review?: true;
  assignees: string[];
  labels: string[];
  blockers: { id: string; key: string; title: string }[];
  url: string;
  /** Plane's time of completion; for an open item, of its last change. */
  at: string;
}

/** The column of an item: it is blocked by its state or by an open blocker. */
export function toBoardColumn({ snapshot, blockers }: KeptItem): BoardColumn {
  const { word: status } = snapshot;
  if (status === "done" || status === "cancelled") return "done";
  return blockers.length > 0 ? "blocked" : status;
}

/** Sorts cards by priority, due date and age; done cards by completion, latest first. */
export function compareCards(a: BoardCard, b: BoardCard): number {
  if (a.column === "done" && b.column === "done") return compareText(b.at, a.at);
  return (
    comparePriorities(a, b) ||
    compareText(a.due ?? "9", b.due ?? "9") ||
    compareText(a.at, b.at) ||
    compareText(a.id, b.id)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

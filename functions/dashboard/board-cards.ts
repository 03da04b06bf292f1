import { comparePriorities, type KeptItem, type Priority, type Status } from "../../shared/task/snapshot.ts";
import type { Ms } from "../../shared/time.ts";

/** Where a card stands. */
export type BoardColumn = "todo" | "in_progress" | "blocked" | "done";

export const BOARD_COLUMNS = ["todo", "in_progress", "blocked", "done"] as const satisfies readonly BoardColumn[];

/** A work item as the board shows it; names where the store has ids. */
export interface BoardCard {
  id: string;
  key: string;
  title: string;
  project: string;
  column: BoardColumn;
  word: Status;
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
export function toBoardColumn({ snapshot, blockers }: KeptItem): BoardColumn {
  const { word: status } = snapshot;
  if (status === "done" || status === "cancelled") return "done";
  return blockers.length > 0 ? "blocked" : status;
}

/** The most urgent first, then what is due first, then the oldest; what is done: the latest first. */
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

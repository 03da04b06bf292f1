/** Our five words for the state of a task. */
export const STATUSES = ["todo", "in_progress", "blocked", "done", "cancelled"] as const;
export type Status = (typeof STATUSES)[number];

/** Plane's, the most urgent first. */
export const PRIORITIES = ["urgent", "high", "medium", "low", "none"] as const;
export type Priority = (typeof PRIORITIES)[number];

/** For sorting: the most urgent first. */
export function comparePriorities(one: { priority: Priority }, other: { priority: Priority }): number {
  return PRIORITIES.indexOf(one.priority) - PRIORITIES.indexOf(other.priority);
}

/**
 * A work item as one observation saw it, in the one shape that list rows, single reads, PATCH answers
 * and webhooks are brought to at the door. Times are Plane's, `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
 */
export interface Snapshot {
  id: string;
  project: string;
  /** The number in the key, 12 in `ONB-12`. */
  sequence: number;
  name: string;
  /** As Plane stores it: HTML that may hold anything. */
  description: string;
  state: string;
  word: Status;
  priority: Priority;
  /** Plane user ids, sorted. */
  assignees: string[];
  /** Label ids, sorted. */
  labels: string[];
  parent: string | null;
  /** `YYYY-MM-DD`. */
  start: string | null;
  due: string | null;
  createdBy: string | null;
  createdAt: string;
  updatedAt: string;
  completedAt: string | null;
  /** Kept for Groundcrew's own checks: nothing about it is an event, and it is nobody's work. */
  quiet?: true;
}

/** What is kept of a work item: the last accepted snapshot and what only the bridge knows of it. */
export interface KeptItem {
  snapshot: Snapshot;
  /** Names of the agents the task belongs to, as the settings call them; absent: not reckoned yet. */
  owners?: string[];
  /** Under the label `review`: while it is open, nobody goes on with it before a human has looked at it. */
  review?: true;
  /** Open blockers, ids sorted; the bridge's own reckoning from relations and the blockers' snapshots. */
  blockers: string[];
  /** Plane's `updated_at` at the last complete read of comments and relations; absent: never read. */
  detailsAt?: string;
  /** Plane's time of the change that started the work, for the time spent. */
  startedAt?: string;
  /** A loss one read has seen and a second must confirm: store time of that read. */
  doubt?: { assignees?: number; labels?: number; gone?: number };
  /** A tombstone: no longer listed by Plane since this store time. Only a read revives it. */
  gone?: number;
}

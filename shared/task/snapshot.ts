/** The five statuses that Plane's states are mapped to. */
export const STATUSES = ["todo", "in_progress", "blocked", "done", "cancelled"] as const;
export type Status = (typeof STATUSES)[number];

/** Plane's priorities, the most urgent first. */
export const PRIORITIES = ["urgent", "high", "medium", "low", "none"] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Compares for sorting: the most urgent first. */
export function comparePriorities(a: { priority: Priority }, b: { priority: Priority }): number {
  return PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority);
}

/**
 * A work item at one moment, normalized from a list row, a single read, a PATCH response or a webhook
 * (`shared/observe/normalize.ts`). Times are Plane's, `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
 */
export interface Snapshot {
  id: string;
  project: string;
  /** The number in the key: 12 in `ONB-12`. */
  sequence: number;
  name: string;
  /** HTML as Plane stores it; untrusted. */
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
  /** An item for Groundcrew's own checks (the canary): it causes no events and is not a task. */
  quiet?: true;
}

/** The stored state of a work item: the last accepted snapshot, and data that only Groundcrew has. */
export interface KeptItem {
  snapshot: Snapshot;
  /** Names of the agents the task belongs to, as in the settings; absent: not computed yet. */
  owners?: string[];
  /** The item has the label `review`: while it is open, no agent continues it before a human has reviewed it. */
  review?: true;
  /** Ids of the open blockers, sorted; computed from the stored relations and the blockers' snapshots. */
  blockers: string[];
  /** Plane's `updated_at` at the last complete read of comments and relations; absent: never read. */
  detailsAt?: string;
  /** Plane's time of the change to `in_progress`, from which the time spent is computed. */
  startedAt?: string;
  /** Plane's `completed_at` of the latest completion that only the activities showed. */
  completedAgainAt?: string;
  /** Losses that one read has seen and a second read must confirm; the value is the store time of the first read. */
  doubt?: { assignees?: number; labels?: number; gone?: number };
  /** Tombstone: store time since which Plane no longer lists the item. Only a read restores it, never a late webhook. */
  gone?: number;
}

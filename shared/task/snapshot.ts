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
  /** Created by Groundcrew: by a tool, a plan or provisioning. */
  ours?: true;
}

/** Compares open tasks for sorting: by priority, due date and age, the one to start first. */
export function compareUrgency(
  a: Pick<Snapshot, "priority" | "due" | "createdAt">,
  b: Pick<Snapshot, "priority" | "due" | "createdAt">,
): number {
  return comparePriorities(a, b) || compareText(a.due ?? "9", b.due ?? "9") || compareText(a.createdAt, b.createdAt);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
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
  /** The item existed before the first read of its project, and its relations were not read yet. */
  blockersUnknown?: true;
  /** Plane's time up to which a complete read of comments and relations saw every change; absent: never read. */
  detailsAt?: string;
  /** The requested read of comments and relations that is not complete yet; absent: none. */
  unread?: UnreadDetails;
  /**
   * Revision of the record that observations count from, when only `unread` and `detailsAt` have changed since; absent:
   * the record's own.
   */
  observedRev?: number;
  /** Plane's time of the change to `in_progress`, since when people see it in work. */
  startedAt?: string;
  /** Plane's `completed_at` of the latest completion that only the activities showed. */
  completedAgainAt?: string;
  /** Losses that one read has seen and a second read must confirm; the value is the store time of the first read. */
  doubt?: { assignees?: number; labels?: number; gone?: number };
  /** Set while changes between the beginning of the baseline and the item's first read may still have to be reported. */
  initial?: InitialState;
  /**
   * A person stopped the work: no agent may start the task until a person comments on it, changes its state or assigns
   * it. `by` is the person, `at` store time. `returned`: Groundcrew need not, or no longer, return it to todo.
   */
  stopped?: { by: string; at: number; returned?: true };
  /** Tombstone: store time since which Plane no longer lists the item. Only a read restores it, never a late webhook. */
  gone?: number;
}

/** How an existing item looked at its first read, when it had changed since the baseline of its project began. */
export interface InitialState {
  fields: Pick<Snapshot, "name" | "state" | "word" | "priority" | "assignees" | "labels" | "due" | "updatedAt">;
  /** Ids of the events between the beginning of the baseline and this state that have been decided. */
  reported: string[];
  /** Store time of the first read. */
  at: number;
}

/** A part of an item's details, read with one call. */
export type DetailsPart = "relations" | "comments";

/** What remains to be read of an item's details. */
export interface UnreadDetails {
  /**
   * Revision of the record that the latest request replaced. The answer to a call that was sent for an earlier request
   * does not complete this one.
   */
  version: number;
  /** The parts that are still unread: `rule` when a rule could match what is found, else `none`. */
  parts: Partial<Record<DetailsPart, "rule" | "none">>;
  /** What `detailsAt` becomes when all parts are read; absent when only one part was requested. */
  covers?: string;
  /** The item changed without a webhook that explains it, so its relations may have changed. */
  isUnannounced?: true;
  /** The change may have another cause than the webhook that was sent a moment before. */
  isUncertain?: true;
  /** A part was read for this request. */
  isStarted?: true;
  /** The part that was read last, also for an earlier request. */
  lastRead?: DetailsPart;
  /** The first read of the relations of an item that existed before its project was observed. */
  isBackfill?: true;
  /** The read failed, or the item's project cannot be read: a job of its own repeats it. */
  isolated?: true;
  /** Correlation of the observation that requested the read. */
  correlation: string;
}

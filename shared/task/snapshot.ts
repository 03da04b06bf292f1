/**
 * A work item at one moment, its stored state, and what that means: its status, and whether it is open, blocked, in
 * review, stopped by a person, or an agent may start it. Pure; every outside shape is normalized to these types.
 */

/**
 * A work item at one moment, normalized from a list row, a single read, a PATCH response or a webhook
 * (`shared/sync/normalize.ts`). Times are Plane's, `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
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
  status: Status;
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

/** The stored state of a work item: the last accepted snapshot, and data that only Groundcrew has. */
export interface ItemRecord {
  snapshot: Snapshot;
  /** Names of the agents the task belongs to, as in the settings; absent: not computed yet. */
  owners?: string[];
  /** The item has the label `review`: while it is open, no agent continues it before a human has reviewed it. */
  review?: true;
  /** The item has the label `recurring`: it is the template of recurring work, which is nobody's task. */
  template?: true;
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
  pendingLosses?: { assignees?: number; labels?: number; removal?: number };
  /** Set while changes between the baseline's beginning and the item's first read may have to be reported. */
  initial?: InitialState;
  /**
   * A person stopped the work: no agent may start the task until a person comments on it, changes its state or assigns
   * it. `by` is the person, `words` what they wrote, `at` store time. `returned`: Groundcrew need not, or no longer,
   * return it to todo.
   */
  stopped?: { by: string; at: number; words?: string; returned?: true };
  /** Tombstone: store time since which Plane does not list the item. Only a read restores it, no late webhook. */
  removedAt?: number;
}

/** How an existing item looked at its first read, when it had changed since the baseline of its project began. */
interface InitialState {
  snapshot: Snapshot;
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

/**
 * The parts of a Plane state that determine the status. Plane's groups are backlog, unstarted, started, completed,
 * cancelled.
 */
export interface NamedState {
  name: string;
  group: string;
}

/** State names for each status, which override Plane's groups (the `states` setting). */
type StatusOverrides = Partial<Record<Status, readonly string[]>>;

/** The five statuses that Plane's states are mapped to. */
export const STATUSES = ["todo", "in_progress", "blocked", "done", "cancelled"] as const;

export type Status = (typeof STATUSES)[number];

/** Plane's priorities, the most urgent first. */
export const PRIORITIES = ["urgent", "high", "medium", "low", "none"] as const;

export type Priority = (typeof PRIORITIES)[number];

const STATUS_BY_GROUP: Record<string, Status> = {
  backlog: "todo",
  unstarted: "todo",
  triage: "todo",
  started: "in_progress",
  completed: "done",
  cancelled: "cancelled",
};

/**
 * Maps a Plane state and the item's labels to a status: the override for the state's name, else `blocked` for an open
 * state named "Blocked", else the status of the state's group. The label `blocked` makes an open item blocked.
 */
export function toStatus(state: NamedState, labels: readonly string[], overrides: StatusOverrides): Status {
  const name = normalizeName(state.name);
  const overridden = (Object.entries(overrides) as [Status, readonly string[]][]).find(([, names]) =>
    names.some((other) => normalizeName(other) === name),
  )?.[0];
  const status = overridden ?? STATUS_BY_GROUP[state.group] ?? "todo";
  const isOpenStatus = status === "todo" || status === "in_progress";
  const isNamedBlocked = overridden === undefined && name === "blocked";
  return isOpenStatus && (isNamedBlocked || labels.some((label) => normalizeName(label) === "blocked"))
    ? "blocked"
    : status;
}

const normalizeName = (name: string) => name.trim().toLowerCase();

/** Whether the status is neither done nor cancelled. */
export function isOpen(status: Status): boolean {
  return status !== "done" && status !== "cancelled";
}

/** Whether the item exists and is neither done nor cancelled. */
export function isOpenItem(item: ItemRecord): boolean {
  return item.removedAt === undefined && isOpen(item.snapshot.status);
}

/** Whether an open item has an open blocker, or is blocked by its state or label. */
export function isBlocked(item: ItemRecord): boolean {
  return isOpenItem(item) && (item.blockers.length > 0 || item.snapshot.status === "blocked");
}

/**
 * Whether this item still blocks its dependants: it is unknown, or it exists and is neither done nor cancelled. The
 * template of recurring work is never done, so it blocks none. Whether an item in review does is a setting
 * (OPENCLAW-18).
 */
export function isBlockingOthers(item: ItemRecord | undefined, includeInReview = true): boolean {
  return item === undefined || (isOpenItem(item) && !item.template && (includeInReview || !item.review));
}

/** Whether the task is open and waits for a human's review. */
export function isInReview({ review, snapshot }: ItemRecord): boolean {
  return review === true && isOpen(snapshot.status);
}

/**
 * Whether the agent could claim this item unless it is claimed: it is open, theirs, neither stopped by a person nor in
 * review nor blocked, as far as its blockers are known.
 */
export function isStartable(item: ItemRecord, agent: string): boolean {
  return isOpenAndOwned(item, agent) && !isBlocked(item) && !item.blockersUnknown && !item.review && !item.stopped;
}

/** Compares for sorting: the most urgent first. */
export function comparePriorities(a: { priority: Priority }, b: { priority: Priority }): number {
  return PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority);
}

/** Compares open tasks for sorting: by priority, due date and age, the one to start first. */
export function compareUrgency(
  a: Pick<Snapshot, "priority" | "due" | "createdAt">,
  b: Pick<Snapshot, "priority" | "due" | "createdAt">,
): number {
  return comparePriorities(a, b) || compareText(a.due ?? "9", b.due ?? "9") || compareText(a.createdAt, b.createdAt);
}

/** Compares by code units, the same in every language. */
export const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Whether the item is open and belongs to the agent. */
export function isOpenAndOwned(item: ItemRecord, agent: string): boolean {
  return isOpenItem(item) && (item.owners ?? []).includes(agent);
}

/**
 * Returns the observed item `next` without its stop mark when the change from `before` is one that lets agents start
 * the task again: its state or its agents were changed, or it was closed. Groundcrew's own return of the stopped task
 * to todo is not such a change.
 */
export function updateStopMark(before: ItemRecord | undefined, next: ItemRecord): ItemRecord {
  const { stopped, ...rest } = next;
  if (!stopped || !before) return next;
  // Owners that are not computed yet count as unchanged.
  const hasSameAgents = before.owners === undefined || JSON.stringify(before.owners) === JSON.stringify(next.owners);
  if (!isOpenItem(next) || !hasSameAgents) return rest;
  if (before.snapshot.state === next.snapshot.state) return next;
  const isReturn = !stopped.returned && before.snapshot.status === "in_progress" && next.snapshot.status === "todo";
  return isReturn ? { ...next, stopped: { ...stopped, returned: true } } : rest;
}

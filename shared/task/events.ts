/** The events of the product, and those that two stored states of a work item show. Pure: equal states give no events. */

import { type ItemRecord, isBlocked, isOpen, type Priority, type Snapshot } from "./snapshot.ts";

/** Events found by comparing two snapshots of a work item. */
export type TaskEvent =
  | { kind: "created" }
  | { kind: "assigned"; who: string }
  | { kind: "unassigned"; who: string }
  | { kind: "started" }
  | { kind: "blocked" }
  | { kind: "unblocked" }
  | { kind: "completed" }
  | { kind: "cancelled" }
  | { kind: "reopened" }
  | { kind: "removed" }
  | { kind: "restored" }
  | { kind: "renamed"; from: string }
  | { kind: "due"; from: string | null; to: string | null }
  | { kind: "priority"; from: Priority; to: Priority }
  | { kind: "comment_added"; comment: string; author: string | null }
  | { kind: "comment_edited"; comment: string; author: string | null };

export type ProjectEvent =
  | { kind: "project_created" }
  | { kind: "project_deleted" }
  /** `planned`: `plan_completed` reports the same to the Concierge. */
  | { kind: "project_completed"; planned?: true };

export type CycleEvent = { kind: "cycle_started" } | { kind: "cycle_completed" };

/** Why something failed, for people: the name of a text, and the values of its placeholders. */
interface ReasonForPeople {
  name: string;
  values?: Readonly<Record<string, string>>;
  reason?: Omit<ReasonForPeople, "reason">;
}

/**
 * Events of a plan, which has no work item and, until it has been created, no project. `plan` is the id of its run,
 * `agent` the Concierge that made it, `title` its project's name.
 */
export type PlanEvent =
  /** A plan for a person's wish waits for approval. `hash` identifies what was proposed; an approval must name it. */
  | { kind: "plan_proposed"; plan: string; agent: string; title: string; hash: string; tasks: number }
  | { kind: "plan_approved"; plan: string; agent: string; title: string; by: string }
  /** `cancelled`: the plan is given up, so the Concierge is not woken to change it. */
  | {
      kind: "plan_rejected";
      plan: string;
      agent: string;
      title: string;
      by: string;
      reason: string | null;
      cancelled?: true;
    }
  /** The plan cannot be completed; `text` is the reason in English, `refusal` is what people read. */
  | { kind: "plan_failed"; plan: string; agent: string; title: string; text: string; refusal?: ReasonForPeople }
  /** All tasks of the plan are closed. */
  | { kind: "plan_completed"; plan: string; agent: string; title: string; tasks: number };

/** Why an agent lost its claim. */
export type ClaimLossReason = "expired" | "reassigned" | "moved" | "stopped" | "deleted";

export type Urgency = "low" | "normal" | "high";

export type AnyEvent = TaskEvent | ProjectEvent | CycleEvent | WorkEvent | PlanEvent;

/** What of a ticket may wait for a person. `update`: a step of the update of Plane failed. */
export const TICKET_WAIT_KINDS = ["approval", "question", "attention", "failed", "result", "update"] as const;

/**
 * Events that no snapshot can show, because they happen in Groundcrew: questions, answers, claims, reviews, failures.
 * `agent` is the name of the agent concerned, as in the settings.
 */
export type WorkEvent =
  /** An agent's question to the human. `reminder` is 0 for the question itself, 1 and 2 for its reminders. */
  | {
      kind: "asked";
      question: string;
      agent: string;
      text: string;
      choices: string[];
      urgency: Urgency;
      reminder: number;
    }
  | { kind: "answered"; question: string; agent: string; text: string; by: string }
  /** A comment that the agent marked as critical. */
  | { kind: "critical"; comment: string; agent: string; text: string }
  /**
   * The agent lost its claim: it expired after `minutes` without a call (absent on older events: 15), the task was
   * reassigned, people changed its status, the person `by` stopped the work, or its project was deleted.
   */
  | { kind: "claim_lost"; agent: string; why: ClaimLossReason; since: string; minutes?: number; by?: string }
  /**
   * The person `by` wrote to the agent: a comment on its task, or with a mention of it. `remark` identifies what was
   * written; `text` may combine several remarks, one per line.
   */
  | { kind: "addressed"; agent: string; remark: string; by: string; text: string }
  /** The agent finished with less confidence than required, so a human reviews the task (OPENCLAW-12). */
  | { kind: "review"; agent: string; confidence: number; text: string }
  /** The reviewer sent the task back: the agent continues it. */
  | { kind: "sent_back"; agent: string; by: string | null; reason: string | null }
  /** The task was blocked because a task it depends on was cancelled or blocked (OPENCLAW-14). */
  | { kind: "stuck"; blocker: string; why: "cancelled" | "blocked" }
  /** A dependency cycle. `path` holds the task keys; the first key is repeated at the end. */
  | { kind: "circle"; path: string[] }
  /**
   * A permanent error prevented an operation that an agent requested (OPENCLAW-15). `text` is in English, `refusal` is
   * what people read.
   */
  | { kind: "failed"; agent: string; text: string; refusal?: ReasonForPeople }
  /**
   * A ticket, a work item for a Claude Code session, took a step. `ticket` is its key, `reason` the code of the step
   * and `text` its details. `wait`: what a person must know because of it.
   */
  | {
      kind: "ticket";
      ticket: string;
      run: number;
      from: string | null;
      state: string;
      reason: string;
      text: string;
      by: string | null;
      wait?: { kind: (typeof TICKET_WAIT_KINDS)[number]; id: string };
    };

/**
 * Computes the events between two stored states of a work item. Pure; equal states give no events.
 * Without a `before` the item is new: the result is `created` and the events that lead to its present state.
 */
export function diff(before: ItemRecord | undefined, after: ItemRecord): TaskEvent[] {
  if (!before)
    return after.removedAt === undefined ? [{ kind: "created" }, ...collectChanges(toNewItem(after), after)] : [];
  if (after.removedAt !== undefined) return before.removedAt === undefined ? [{ kind: "removed" }] : [];
  const restored: TaskEvent[] = before.removedAt === undefined ? [] : [{ kind: "restored" }];
  return [...restored, ...collectChanges(before, after)];
}

function collectChanges(before: ItemRecord, after: ItemRecord): TaskEvent[] {
  return [
    ...diffAssignees(before.snapshot, after.snapshot),
    ...diffFields(before.snapshot, after.snapshot),
    ...diffProgress(before, after),
  ];
}

function diffAssignees(before: Snapshot, after: Snapshot): TaskEvent[] {
  const added = after.assignees.filter((who) => !before.assignees.includes(who));
  const removed = before.assignees.filter((who) => !after.assignees.includes(who));
  return [
    ...added.map((who): TaskEvent => ({ kind: "assigned", who })),
    ...removed.map((who): TaskEvent => ({ kind: "unassigned", who })),
  ];
}

function diffFields(before: Snapshot, after: Snapshot): TaskEvent[] {
  const events: TaskEvent[] = [];
  if (before.name !== after.name) events.push({ kind: "renamed", from: before.name });
  if (before.due !== after.due) events.push({ kind: "due", from: before.due, to: after.due });
  if (before.priority !== after.priority) {
    events.push({ kind: "priority", from: before.priority, to: after.priority });
  }
  return events;
}

function diffProgress(before: ItemRecord, after: ItemRecord): TaskEvent[] {
  const from = before.snapshot.status;
  const to = after.snapshot.status;
  const events: TaskEvent[] = [];
  if (to === "done" && from !== "done") events.push({ kind: "completed" });
  if (to === "cancelled" && from !== "cancelled") events.push({ kind: "cancelled" });
  if (isOpen(to) && !isOpen(from)) events.push({ kind: "reopened" });
  if (to === "in_progress" && from !== "in_progress" && from !== "blocked") events.push({ kind: "started" });
  if (isBlocked(after) && !isBlocked(before)) events.push({ kind: "blocked" });
  if (!isBlocked(after) && isBlocked(before) && isOpen(to)) events.push({ kind: "unblocked" });
  return events;
}

/**
 * Returns the item as it would have been right after its creation, so that its present state can be diffed against
 * that.
 */
function toNewItem(item: ItemRecord): ItemRecord {
  return { snapshot: { ...item.snapshot, assignees: [], status: "todo" }, blockers: [] };
}

/**
 * Whether a done item may have been reopened and completed again between two observations: `completed_at` is later. It
 * also becomes later by a change from one done state to another, and in some versions of Plane by every edit, so only
 * the activities are a proof.
 */
export function mayBeCompletedAgain(before: ItemRecord | undefined, after: ItemRecord): boolean {
  if (!before || before.removedAt !== undefined || after.removedAt !== undefined) return false;
  if (before.snapshot.status !== "done" || after.snapshot.status !== "done") return false;
  return (after.snapshot.completedAt ?? "") > (before.snapshot.completedAt ?? "9");
}

/** Returns the part of a job's id that identifies the event, unique among the events of one commit. */
export function toEventId(event: AnyEvent): string {
  switch (event.kind) {
    case "assigned":
    case "unassigned":
      return `${event.kind}.${event.who}`;
    case "comment_added":
    case "comment_edited":
    case "critical":
      return `${event.kind}.${event.comment}`;
    case "asked":
      return `${event.kind}.${event.question}.${event.reminder}`;
    case "answered":
      return `${event.kind}.${event.question}`;
    case "addressed":
      return `${event.kind}.${encodeURIComponent(event.agent)}.${event.remark}`;
    default:
      return event.kind;
  }
}

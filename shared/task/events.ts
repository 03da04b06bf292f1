/**
 * The events of the product, with the schemas by which stored ones are read, and those that two stored states of a work
 * item show. Pure: equal states give no events.
 */

import { z } from "zod";
import { type ItemRecord, isBlocked, isOpen, PRIORITIES, type Snapshot } from "./snapshot.ts";

const text = z.string();

/** Events found by comparing two snapshots of a work item. */
const taskEventSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("created") }),
  z.object({ kind: z.literal(["assigned", "unassigned"]), who: text }),
  z.object({
    kind: z.literal(["started", "blocked", "unblocked", "completed", "cancelled", "reopened", "removed", "restored"]),
  }),
  z.object({ kind: z.literal("renamed"), from: text }),
  z.object({ kind: z.literal("due"), from: text.nullable(), to: text.nullable() }),
  z.object({ kind: z.literal("priority"), from: z.enum(PRIORITIES), to: z.enum(PRIORITIES) }),
  z.object({ kind: z.literal(["comment_added", "comment_edited"]), comment: text, author: text.nullable() }),
]);

export type TaskEvent = z.infer<typeof taskEventSchema>;

const projectEventSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("project_created") }),
  /** `planned`: `plan_completed` reports the same to the Concierge. */
  z.object({ kind: z.literal("project_completed"), planned: z.literal(true).exactOptional() }),
  z.object({ kind: z.literal("project_deleted") }),
]);

export type ProjectEvent = z.infer<typeof projectEventSchema>;

const cycleEventSchema = z.object({ kind: z.literal(["cycle_started", "cycle_completed"]) });

export type CycleEvent = z.infer<typeof cycleEventSchema>;

const refusalFields = { name: text, values: z.record(text, text).exactOptional() };

/** Why something failed, for people: the name of a text, and the values of its placeholders. */
const refusalSchema = z.object({ ...refusalFields, reason: z.object(refusalFields).exactOptional() });

/** `plan` is the id of the plan's run, `agent` the Concierge that made it, `title` its project's name. */
const planFields = { plan: text, agent: text, title: text };

/** Events of a plan, which has no work item and, until it has been created, no project. */
const planEventSchema = z.discriminatedUnion("kind", [
  /** A plan for a person's wish waits for approval: the request with this id, whose hash an approval must name. */
  z.object({ kind: z.literal("plan_proposed"), ...planFields, request: text, hash: text, tasks: z.number() }),
  z.object({ kind: z.literal("plan_approved"), ...planFields, by: text, reason: text.nullable().exactOptional() }),
  /** `cancelled`: the plan is given up, so the Concierge does not change it. */
  z.object({
    kind: z.literal("plan_rejected"),
    ...planFields,
    by: text,
    reason: text.nullable(),
    cancelled: z.literal(true).exactOptional(),
  }),
  /** The plan cannot be completed; `text` is the reason in English, `refusal` is what people read. */
  z.object({ kind: z.literal("plan_failed"), ...planFields, text, refusal: refusalSchema.exactOptional() }),
  /** All tasks of the plan are closed. */
  z.object({ kind: z.literal("plan_completed"), ...planFields, tasks: z.number() }),
]);

export type PlanEvent = z.infer<typeof planEventSchema>;

/** What of a ticket may wait for a person. `update`: a step of the update of Plane failed. */
const TICKET_WAIT_KINDS = ["approval", "question", "attention", "failed", "result", "update"] as const;

const urgencySchema = z.enum(["low", "normal", "high"]);

export type Urgency = z.infer<typeof urgencySchema>;

/** Why an agent lost its claim. */
const claimLossReasonSchema = z.enum(["expired", "reassigned", "moved", "stopped", "deleted"]);

export type ClaimLossReason = z.infer<typeof claimLossReasonSchema>;

/**
 * Events that no snapshot can show, because they happen in Groundcrew: questions, answers, claims, reviews, failures.
 * `agent` is the name of the agent concerned, as in the settings.
 */
const workEventSchema = z.discriminatedUnion("kind", [
  /** An agent's question to the human. `reminder` is 0 for the question itself, 1 and 2 for its reminders. */
  z.object({
    kind: z.literal("asked"),
    question: text,
    agent: text,
    text,
    choices: z.array(text),
    urgency: urgencySchema,
    reminder: z.number(),
  }),
  z.object({ kind: z.literal("answered"), question: text, agent: text, text, by: text }),
  /** A comment that the agent marked as critical. */
  z.object({ kind: z.literal("critical"), comment: text, agent: text, text }),
  /**
   * The agent lost its claim: it expired after `minutes` without a call (absent on older events: 15), the task was
   * reassigned, people changed its status, the person `by` stopped the work, or its project was deleted.
   */
  z.object({
    kind: z.literal("claim_lost"),
    agent: text,
    why: claimLossReasonSchema,
    since: text,
    minutes: z.number().exactOptional(),
    by: text.exactOptional(),
  }),
  /**
   * The person `by` wrote to the agent: a comment on its task, or with a mention of it. `remark` identifies what was
   * written; `text` may combine several remarks, one per line.
   */
  z.object({ kind: z.literal("addressed"), agent: text, remark: text, by: text, text }),
  /** The agent finished with less confidence than required, so a human reviews the task (OPENCLAW-12). */
  z.object({ kind: z.literal("review"), request: text, agent: text, confidence: z.number(), text }),
  /** The reviewer sent the task back: the agent continues it. */
  z.object({ kind: z.literal("sent_back"), agent: text, by: text.nullable(), reason: text.nullable() }),
  /** The task was blocked because a task it depends on was cancelled or blocked (OPENCLAW-14). */
  z.object({ kind: z.literal("stuck"), blocker: text, why: z.enum(["cancelled", "blocked"]) }),
  /** A dependency cycle. `path` holds the task keys; the first key is repeated at the end. */
  z.object({ kind: z.literal("circle"), path: z.array(text) }),
  /**
   * A permanent error prevented an operation that an agent requested (OPENCLAW-15). `text` is in English, `refusal` is
   * what people read.
   */
  z.object({ kind: z.literal("failed"), agent: text, text, refusal: refusalSchema.exactOptional() }),
  /**
   * A ticket, a work item for a Claude Code session, took a step. `ticket` is its key, `reason` the code of the step
   * and `text` its details. `wait`: what a person must know because of it.
   */
  z.object({
    kind: z.literal("ticket"),
    ticket: text,
    run: z.number(),
    from: text.nullable(),
    state: text,
    reason: text,
    text,
    by: text.nullable(),
    wait: z.object({ kind: z.enum(TICKET_WAIT_KINDS), id: text }).exactOptional(),
  }),
]);

export type WorkEvent = z.infer<typeof workEventSchema>;

/** Any event, as stored in a job body. */
export const eventSchema = z.discriminatedUnion("kind", [
  ...taskEventSchema.options,
  ...projectEventSchema.options,
  cycleEventSchema,
  ...workEventSchema.options,
  ...planEventSchema.options,
]);

export type AnyEvent = z.infer<typeof eventSchema>;

export type EventKind = AnyEvent["kind"];

/** The names of all events, as settings, stored jobs and messages write them. */
export const EVENT_KINDS = listKinds(eventSchema);
export const WORK_EVENT_KINDS = listKinds(workEventSchema);
export const PLAN_EVENT_KINDS = listKinds(planEventSchema);

function listKinds<Kind extends string>(schema: { options: { shape: { kind: { values: ReadonlySet<Kind> } } }[] }) {
  return schema.options.flatMap(({ shape }) => [...shape.kind.values]);
}

/**
 * Computes the events between two stored states of a work item. Pure; equal states give no events.
 * Without a `before` the item is new: the result is `created` and the events that lead to its present state.
 */
export function diff(before: ItemRecord | undefined, after: ItemRecord): TaskEvent[] {
  if (!before && after.removedAt !== undefined) return [];
  if (!before) {
    // The item as it would have been right after its creation.
    const snapshot: Snapshot = { ...after.snapshot, assignees: [], status: "todo" };
    return [{ kind: "created" }, ...collectChanges({ snapshot, blockers: [] }, after)];
  }
  if (after.removedAt !== undefined) return before.removedAt === undefined ? [{ kind: "removed" }] : [];
  const restored: TaskEvent[] = before.removedAt === undefined ? [] : [{ kind: "restored" }];
  return [...restored, ...collectChanges(before, after)];
}

function collectChanges(before: ItemRecord, after: ItemRecord): TaskEvent[] {
  return [...diffFields(before.snapshot, after.snapshot), ...diffProgress(before, after)];
}

function diffFields(before: Snapshot, after: Snapshot): TaskEvent[] {
  const added = after.assignees.filter((who) => !before.assignees.includes(who));
  const removed = before.assignees.filter((who) => !after.assignees.includes(who));
  const events: TaskEvent[] = [
    ...added.map((who) => ({ kind: "assigned" as const, who })),
    ...removed.map((who) => ({ kind: "unassigned" as const, who })),
  ];
  if (before.name !== after.name) events.push({ kind: "renamed", from: before.name });
  if (before.due !== after.due) events.push({ kind: "due", from: before.due, to: after.due });
  if (before.priority !== after.priority) events.push({ kind: "priority", from: before.priority, to: after.priority });
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

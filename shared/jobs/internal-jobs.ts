/**
 * Jobs whose effect stays here: of the queues `observe` (reads from Plane and evaluations of stored records), `wake`
 * (events for which an agent is woken, due wakes, checks whether an agent reacts), `work` (what follows from changes)
 * and `posts`. The body of any job is stored text, which its handler parses with its queue's schema: a restarted
 * runtime may find what a newer version stored before a downgrade.
 */

import { z } from "zod";
import { formatSchemaIssues } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job, LeasedJob, Revision } from "../store/port.ts";
import { EVENT_KINDS } from "../task/events.ts";
import type { ActionBody, RuleAction } from "../task/rule-set.ts";
import { type Ms, SECOND } from "../time.ts";

/** The stored body of a job has no form that this version knows. The pump makes such a job a dead letter at once. */
export class UnreadableJobError extends Error {
  constructor(details: string, options?: ErrorOptions) {
    super(
      `This version cannot read the stored job (${details}). It may have been written by a newer version.`,
      options,
    );
    this.name = "UnreadableJobError";
  }
}

/**
 * Parses the body of a job with its queue's schema. Every job handler calls it before anything else, because a retry
 * cannot make a body readable.
 * @throws UnreadableJobError
 */
export function parseJobBody<Body>({ body }: Pick<LeasedJob, "body">, schema: z.ZodType<Body>): Body {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new UnreadableJobError(formatSchemaIssues(parsed.error, "the body"), { cause: parsed.error });
}

const correlation = z.string();
const item = z.string();
const project = z.string();

/** Bodies of the queue `observe`. `queued` is store time, so that several queued reads become one. */
export const observeBodySchema = z.discriminatedUnion("type", [
  /** Reads an item again. */
  z.object({ type: z.literal("read"), project, item, queued: z.number(), correlation }),
  /**
   * Reads the details of one item, of the one that needs them most when the job is handled. All these jobs share one
   * lane, so that only one of them waits for quota.
   */
  z.object({ type: z.literal("next_details"), correlation }),
  /**
   * `details`: reads the details of this item alone. `initial_changes`: finds what changed on an existing item between
   * the beginning of the baseline and its first read.
   */
  z.object({ type: z.literal(["details", "initial_changes"]), project, item, correlation }),
  /**
   * `evaluate_blockers`: evaluates the item's blockers. `blocked_by_text`: evaluates the "Blocked by" lines of its
   * changed description. `reevaluate_dependants`: evaluates its dependants after the commit that changed it.
   */
  z.object({ type: z.literal(["evaluate_blockers", "blocked_by_text", "reevaluate_dependants"]), item, correlation }),
  /**
   * Checks whether a done item was reopened and completed again since `since` (Plane's time). `completed` is its new
   * `completed_at`.
   */
  z.object({
    type: z.literal("completed_again"),
    project,
    item,
    since: z.string(),
    completed: z.string(),
    correlation,
  }),
  /** `check_project`: checks whether the project is completed. `cycles`: reads its cycles. */
  z.object({ type: z.literal(["check_project", "cycles"]), project, correlation }),
  /** Reads the list of projects, and the items of new ones. */
  z.object({ type: z.literal("projects"), queued: z.number(), correlation }),
]);
export type ObserveBody = z.infer<typeof observeBodySchema>;

/** A body whose correlation may be left to the job: it is then the job's id. */
type NewBody<Body = ObserveBody> = Body extends ObserveBody
  ? Omit<Body, "correlation"> & { correlation?: string }
  : never;

/**
 * Creates a job of the queue `observe`. `cause` identifies what requires it, so that repeating that adds no second job;
 * `at` is store time.
 */
export function createObserveJob(body: NewBody, cause: string | number, at?: Ms): Job {
  const subject = "item" in body ? body.item : "project" in body ? body.project : "all";
  const id = `${body.type}:${subject}:${cause}`;
  return { id, queue: "observe", lane: toLane(body), body: { correlation: id, ...body }, ...omitUndefined({ at }) };
}

/** Jobs that change the same record share a lane; a slow read has one of its own. */
function toLane(body: NewBody): string {
  switch (body.type) {
    case "read":
    case "evaluate_blockers":
    case "blocked_by_text":
    case "completed_again":
      return `item:${body.item}`;
    case "details":
    case "initial_changes":
    case "reevaluate_dependants":
      return `${body.type}:${body.item}`;
    case "check_project":
      return `project:${body.project}`;
    case "cycles":
      return `cycles:${body.project}`;
    case "next_details":
      return "details";
    case "projects":
      return "projects";
  }
}

const eventSchema = z.object({ kind: z.enum(EVENT_KINDS) });
const factsSchema = z.object({ project: z.object({}).optional() });

/** Bodies of the queue `wake`. */
export const wakeBodySchema = z.discriminatedUnion("type", [
  /** An event for which the agent is woken. */
  z.object({
    type: z.literal("event"),
    agent: z.string(),
    /** The item's revision before the change; absent when the event comes from another record. */
    itemRev: z.number().optional(),
    event: z.custom<ActionBody["event"]>((event) => eventSchema.safeParse(event).success),
    facts: z.custom<ActionBody["facts"]>((facts) => factsSchema.safeParse(facts).success),
  }),
  /** The agent's collected wake is due. */
  z.object({ type: z.literal("deliver"), agent: z.string() }),
  /** Checks whether the agent reacts to its wakes. */
  z.object({ type: z.literal("check"), agent: z.string() }),
  /** The agent's claim of `item` lasted from `since` to `at` (store times): it is woken when other tasks are startable. */
  z.object({ type: z.literal("claim_ended"), agent: z.string(), item: z.string(), since: z.number(), at: z.number() }),
  /** The item may have become startable for the agent without an event. */
  z.object({ type: z.literal("startable"), agent: z.string(), item: z.string() }),
]);
export type WakeBody = z.infer<typeof wakeBodySchema>;

const WAKE_LANE_PREFIX = "wake:";

/** Creates the action that adds an event to an agent's wake. One lane per agent, so that its events stay in order. */
export function createWakeEventAction(
  agent: string,
  { event, facts, correlation }: ActionBody,
  itemRev: Revision | undefined,
): Omit<RuleAction, "rule"> {
  const target = `${WAKE_LANE_PREFIX}${agent}`;
  const body = { type: "event", agent, event, facts, correlation, ...omitUndefined({ itemRev }) };
  return { target, queue: "wake", lane: target, body };
}

/** Sends the agent's pending wake at `at` (store time). */
export function createWakeJob(agent: string, at: Ms): Job {
  return createDueJob(`deliver:${agent}:${at}`, { type: "deliver", agent }, at, `deliver:${agent}`);
}

/** Repeats at `at` a wake that did not arrive, in a lane of its own, so that new work does not wait behind it. */
export function createWakeRetryJob(agent: string, at: Ms): Job {
  return createDueJob(`deliver:retry:${agent}:${at}`, { type: "deliver", agent }, at);
}

/** Checks at `at` (store time) whether the agent reacts to its wakes. */
export function createWakeCheckJob(agent: string, at: Ms): Job {
  return createDueJob(`check:${agent}:${at}`, { type: "check", agent }, at);
}

function createDueJob(id: string, body: Exclude<WakeBody, { type: "event" }>, at: Ms, lane = id): Job {
  return { id, queue: "wake", lane, at, body };
}

/**
 * Delay between the end of a claim or a later call and the wake for other tasks: 5 s, in which an agent that works on
 * claims the next task by itself.
 */
export const HANDOVER_MS: Ms = 5 * SECOND;

/** A claim that has ended. The times are store times. */
export interface EndedClaim {
  item: string;
  since: Ms;
  at: Ms;
}

/** Handles at `at` (store time) that a claim of the agent has ended. `fence` identifies the claim and the attempt. */
export function createClaimEndedJob(
  { item, since, at: endedAt }: EndedClaim,
  { agent, fence }: { agent: string; fence: number | string },
  at: Ms,
): Job {
  const body: WakeBody = { type: "claim_ended", agent, item, since, at: endedAt };
  return createDueJob(`claim_ended:${agent}:${item}:${fence}`, body, at);
}

/** Wakes the agent for an item that became startable with this revision, unless a wake has named it. */
export function createStartableJob(agent: string, item: string, rev: Revision): Job {
  const body: WakeBody = { type: "startable", agent, item };
  return { id: `startable:${agent}:${item}:${rev}`, queue: "wake", lane: `${WAKE_LANE_PREFIX}${agent}`, body };
}

const commonFields = { item: z.string(), correlation: z.string() };

/** Bodies of the queue `work`: follow-up work of changes, and delayed work; some are in the queue `posts`. `type` is their kind. */
export const workJobBodySchema = z.discriminatedUnion("type", [
  /** A claim has ended: stops its timers and updates the card; a lost claim causes an event. */
  z.object({
    type: z.literal("claim_ended"),
    ...commonFields,
    agent: z.string(),
    fence: z.number(),
    /** Store times. */
    since: z.number(),
    at: z.number(),
    reason: z.enum(["expired", "reassigned", "moved", "stopped", "deleted"]).optional(),
    /** The person who stopped the work, and what they wrote. */
    by: z.string().exactOptional(),
    words: z.string().exactOptional(),
    /** Of an expired claim: the minutes without a call. */
    minutes: z.number().exactOptional(),
    /** The commit that ended the claim has published it. */
    isPublished: z.literal(true).exactOptional(),
  }),
  /** The item has changed: checks whether its claim is still valid. */
  z.object({ type: z.literal("check_claim"), ...commonFields }),
  /** The item is in progress without a claim, as after the loss of the store: restores the claim from its agent card. */
  z.object({ type: z.literal("restore_claim"), ...commonFields }),
  /** A task left review: it was closed or its label was removed, and its agent may have to continue. */
  z.object({ type: z.literal("reviewed"), ...commonFields }),
  /** Synchronizes labels `agent:<name>` and assignees. */
  z.object({ type: z.literal("mirror"), ...commonFields }),
  /** Writes or updates the item's agent card. */
  z.object({ type: z.literal("card"), ...commonFields }),
  /** The item was closed, blocked or continues: blocks or unblocks its dependants, and itself. */
  z.object({ type: z.literal("resolve_dependants"), ...commonFields }),
  /** A blocker of the item has changed: blocks or unblocks the item. */
  z.object({ type: z.literal("resolve_blocked"), ...commonFields }),
  /** Reminds people of a request that waits, or closes it at its deadline; `after` is the number of earlier reminders. */
  z.object({ type: z.literal("request_due"), request: z.string(), after: z.number(), correlation: z.string() }),
  /** A procedure was interrupted: continues it, or gives it up. */
  z.object({ type: z.literal("resume_procedure"), kind: z.string(), subject: z.string(), correlation: z.string() }),
  /** Posts what a person wrote outside of Plane as a comment. */
  z.object({
    type: z.literal("post_remark"),
    ...commonFields,
    /** Identifies what was written: the id of the update in Telegram. */
    remark: z.string(),
    by: z.string(),
    text: z.string(),
  }),
  /** The item's description mentions users that it did not mention before. */
  z.object({
    type: z.literal("mention"),
    ...commonFields,
    mentions: z.array(z.string()),
    /** The Plane user who wrote the description, when it is known. */
    author: z.string().exactOptional(),
  }),
  /** A person's comment says when the task recurs. */
  z.object({ type: z.literal("recur"), ...commonFields, comment: z.string(), by: z.string(), text: z.string() }),
  /** The agent may be woken for remarks that were over the limit. */
  z.object({ type: z.literal("deferred_remarks"), ...commonFields, agent: z.string() }),
  /** Posts the answer to a question as a comment. */
  z.object({ type: z.literal("answer"), request: z.string(), correlation: z.string() }),
  /** An event of a work item requests a ticket. */
  z.object({
    type: z.literal("ticket"),
    ...commonFields,
    trigger: z.enum(["created", "status", "comment"]),
    cause: z.string(),
    by: z.string().exactOptional(),
    comment: z.string().exactOptional(),
  }),
  /** A work item with a ticket was closed, removed or reassigned. */
  z.object({ type: z.literal("ticket_closed"), ...commonFields }),
  /** Finishes the update of Plane with the result of a ticket. */
  z.object({
    type: z.literal("ticket_update"),
    ticket: z.string(),
    correlation: z.string(),
    /** The request of the person who approved was the first try. */
    isRetry: z.literal(true).exactOptional(),
  }),
]);
export type WorkJobBody = z.infer<typeof workJobBodySchema>;

/** The lane of jobs that replace an item's whole list of labels, so that none of them overwrites another's change. */
export function toLabelsLane(item: string): string {
  return `labels:${item}`;
}

/**
 * Finishes the update of a ticket; `change` identifies the change that requested it. Each has a lane of its own, so
 * that a person who tries again does not wait for the next try of an earlier one.
 */
export function createTicketUpdateJob(
  change: string,
  body: { ticket: string; correlation: string; isRetry?: true },
  at: Ms,
): Job {
  const id = `ticket-update:${change}`;
  return createWorkJob(id, id, { type: "ticket_update", ...body }, at);
}

/** Creates a job of the queue `work`. Jobs of one lane are handled in order; `at` is store time. */
export function createWorkJob(id: string, lane: string, body: WorkJobBody, at?: Ms): Job {
  return { id, queue: "work", lane, body, ...omitUndefined({ at }) };
}

/**
 * Creates a job of the queue `posts`: what Plane gets of a person's words waits neither for other work nor delays the
 * next words. Its bodies are those of the queue `work`.
 */
export function createPostJob(...job: Parameters<typeof createWorkJob>): Job {
  return { ...createWorkJob(...job), queue: "posts" };
}

import { z } from "zod";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job } from "../store/port.ts";
import type { Ms } from "../time.ts";

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

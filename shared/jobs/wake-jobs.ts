/** Jobs of the queue `wake`: events for which an agent is woken, due wakes, and checks whether an agent reacts. */

import { z } from "zod";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job, Revision } from "../store/port.ts";
import { EVENT_KINDS } from "../task/events.ts";
import type { ActionBody, RuleAction } from "../task/rule-set.ts";
import { type Ms, SECOND } from "../time.ts";

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

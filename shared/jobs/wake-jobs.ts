import { z } from "zod";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job, Json, LeasedJob, Revision } from "../store/port.ts";
import { type ActionBody, EVENT_KINDS, type RuleAction } from "../task/events.ts";
import type { Ms } from "../time.ts";
import { getUntypedFields } from "./untyped-fields.ts";

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
  /** The agent's collected wake is due. `go` is the agent's name. */
  z.object({ type: z.literal("deliver"), go: z.string() }),
  /** Checks whether the agent has called since the wake `sent`. `watch` is the agent's name. */
  z.object({ type: z.literal("check"), watch: z.string(), sent: z.string() }),
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

/** Sends the agent's wake at `at` (store time). */
export function createWakeJob(agent: string, at: Ms): Job {
  const body: WakeBody = { type: "deliver", go: agent };
  return { id: `go:${agent}:${at}`, queue: "wake", lane: `go:${agent}`, at, body };
}

/** Checks at `at` (store time) whether the agent has called since the wake `sent`. */
export function createWakeCheckJob(agent: string, sent: string, at: Ms): Job {
  const body: WakeBody = { type: "check", watch: agent, sent };
  return { id: `watch:${sent}`, queue: "wake", lane: `watch:${sent}`, at, body };
}

/**
 * Upgrades a stored body to the present schema: versions before 0.2.0 wrote no `type`, so the type follows from the
 * fields that are present; they stored an event's agent only in the lane and the item's revision only in the job's id.
 */
export function upgradeWakeBody({ id, lane, body }: Pick<LeasedJob, "id" | "lane" | "body">): Json {
  const fields = getUntypedFields(body);
  if (!fields) return body;
  if ("go" in fields) return { type: "deliver", ...fields };
  if ("watch" in fields) return { type: "check", ...fields };
  const agent = lane.startsWith(WAKE_LANE_PREFIX) ? lane.slice(WAKE_LANE_PREFIX.length) : undefined;
  const rev = /^item:[^:]+:(\d+):/.exec(id)?.[1];
  return {
    type: "event",
    agent,
    ...omitUndefined({ itemRev: rev === undefined ? undefined : Number(rev) }),
    ...fields,
  };
}

import { z } from "zod";
import type { Json } from "../json.ts";
import type { LeasedJob } from "../store/job-operations.ts";
import { EVENT_KINDS } from "../task/events.ts";
import type { ActionBody, RuleAction } from "../task/rule-set.ts";
import { getUntypedFields } from "./untyped-fields.ts";

/**
 * Bodies of the queue `forward`: an event for another system. Unknown fields are kept, because the event is forwarded
 * unchanged.
 */
export const forwardBodySchema = z.object({
  type: z.literal("event"),
  /** Normalized by `normalizeForwardUrl`. */
  url: z.string(),
  event: z.looseObject({ kind: z.enum(EVENT_KINDS) }),
  facts: z.looseObject({ at: z.string() }),
  correlation: z.string(),
});

/**
 * Creates the action that forwards an event. One lane per address and work item, so that an item's events stay in
 * order.
 */
export function createForwardAction(url: string, { event, facts, correlation }: ActionBody): Omit<RuleAction, "rule"> {
  const subjectId = facts.item?.id ?? facts.cycle?.id ?? facts.project?.id ?? "";
  const target = formatForwardTarget(url);
  const body = { type: "event", url, event, facts, correlation };
  return { target, queue: "forward", lane: `${target} ${subjectId}`, body };
}

function formatForwardTarget(url: string): string {
  return `forward:${url}`;
}

/** Returns the address in a decision log target; undefined when the target belongs to another queue. */
export function parseForwardTarget(target: string): string | undefined {
  const prefix = formatForwardTarget("");
  return target.startsWith(prefix) ? target.slice(prefix.length) : undefined;
}

/**
 * Upgrades a stored body to the present schema: versions before 0.2.0 wrote no `type` and stored the address only in
 * the lane.
 */
export function upgradeForwardBody({ lane, body }: Pick<LeasedJob, "lane" | "body">): Json {
  const fields = getUntypedFields(body);
  if (!fields) return body;
  const [target = ""] = lane.split(" ");
  return { type: "event", url: parseForwardTarget(target), ...fields };
}

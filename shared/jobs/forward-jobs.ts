import { z } from "zod";
import type { Json, LeasedJob } from "../store/port.ts";
import { type ActionBody, EVENT_KINDS, type RuleAction } from "../task/events.ts";
import { getUntypedFields } from "./untyped-fields.ts";

/** The bodies of the queue `forward`: an event for another system. What it says is passed on as it is, whatever it holds. */
export const forwardBodySchema = z.object({
  type: z.literal("event"),
  /** In the form of `normalizeForwardUrl`. */
  url: z.string(),
  event: z.looseObject({ kind: z.enum(EVENT_KINDS) }),
  facts: z.looseObject({ at: z.string() }),
  correlation: z.string(),
});

/** One lane per address and work item, so that the order within an item is kept. */
export function createForwardAction(url: string, { event, facts, correlation }: ActionBody): Omit<RuleAction, "rule"> {
  const subjectId = facts.item?.id ?? facts.cycle?.id ?? facts.project.id;
  const target = formatForwardTarget(url);
  const body = { type: "event", url, event, facts, correlation };
  return { target, queue: "forward", lane: `${target} ${subjectId}`, body };
}

function formatForwardTarget(url: string): string {
  return `forward:${url}`;
}

/** The address in a target of the decision log; undefined when the target is of another queue. */
export function parseForwardTarget(target: string): string | undefined {
  const prefix = formatForwardTarget("");
  return target.startsWith(prefix) ? target.slice(prefix.length) : undefined;
}

/** The body in today's form; versions before 0.2.0 wrote no `type` and kept the address in the lane alone. */
export function upgradeForwardBody({ lane, body }: Pick<LeasedJob, "lane" | "body">): Json {
  const fields = getUntypedFields(body);
  if (!fields) return body;
  const [target = ""] = lane.split(" ");
  return { type: "event", url: parseForwardTarget(target), ...fields };
}

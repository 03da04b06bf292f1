/** Jobs of the queue `observe`: reads from Plane and evaluations of stored records. */

import { z } from "zod";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job } from "../store/port.ts";
import type { Ms } from "../time.ts";

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

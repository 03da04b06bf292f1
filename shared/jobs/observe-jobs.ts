import { z } from "zod";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job } from "../store/port.ts";
import type { Snapshot } from "../task/snapshot.ts";
import type { Ms } from "../time.ts";

/** Bodies of the queue `observe`: reads from Plane and evaluations of stored records. `type` is their kind. */
export const observeBodySchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("read"),
    project: z.string(),
    item: z.string(),
    queued: z.number(),
    correlation: z.string(),
  }),
  z.object({ type: z.literal("next_details"), correlation: z.string() }),
  z.object({
    type: z.literal("details"),
    project: z.string(),
    item: z.string(),
    correlation: z.string(),
  }),
  z.object({ type: z.literal("initial_changes"), project: z.string(), item: z.string(), correlation: z.string() }),
  z.object({ type: z.literal("evaluate_blockers"), item: z.string(), correlation: z.string() }),
  z.object({ type: z.literal("blocked_by_text"), item: z.string(), correlation: z.string() }),
  z.object({ type: z.literal("reevaluate_dependants"), item: z.string(), correlation: z.string() }),
  z.object({
    type: z.literal("completed_again"),
    project: z.string(),
    item: z.string(),
    since: z.string(),
    completed: z.string(),
    correlation: z.string(),
  }),
  z.object({ type: z.literal("check_project"), project: z.string(), correlation: z.string() }),
  z.object({ type: z.literal("projects"), queued: z.number(), correlation: z.string() }),
  z.object({ type: z.literal("cycles"), project: z.string(), correlation: z.string() }),
]);
export type ObserveBody = z.infer<typeof observeBodySchema>;

interface JobCause {
  correlation: string;
  cause: string;
}

/** Reads an item again at `at` (store time). */
export function createItemReadJob(project: string, item: string, { correlation, cause }: JobCause, at: Ms): Job {
  return createObserveJob(
    `read:${item}:${cause}:${at}`,
    `item:${item}`,
    { type: "read", project, item, queued: at, correlation },
    at,
  );
}

/**
 * Reads the details of one item, of the one that needs them most when it is handled. All these jobs share one lane, so
 * that only one of them waits for quota. `rev` is the revision of the item that was replaced.
 */
export function createDetailsJob(item: string, rev: number, correlation: string): Job {
  return createObserveJob(`details:${item}:${rev}`, "details", { type: "next_details", correlation });
}

/** Reads the details of this item alone. `version` identifies the request. */
export function createIsolatedDetailsJob(
  { project, item }: { project: string; item: string },
  version: number,
  correlation: string,
): Job {
  const body: ObserveBody = { type: "details", project, item, correlation };
  return createObserveJob(`details:${item}:${version}:isolated`, `details:${item}`, body);
}

/** Finds what changed on an existing item between the beginning of the baseline and its first read. */
export function createInitialChangesJob(
  { id: item, project }: Snapshot,
  { correlation, cause }: JobCause,
  at: Ms,
): Job {
  const body: ObserveBody = { type: "initial_changes", project, item, correlation };
  return createObserveJob(`initial_changes:${item}:${cause}`, `initial_changes:${item}`, body, at);
}

export function createEvaluateBlockersJob(item: string, cause: string, correlation: string): Job {
  return createObserveJob(`evaluate_blockers:${item}:${cause}`, `item:${item}`, {
    type: "evaluate_blockers",
    item,
    correlation,
  });
}

/** Evaluates the "Blocked by" lines of a changed description. */
export function createBlockedByTextJob({ id: item }: Snapshot, rev: number): Job {
  return createObserveJob(`blocked_by_text:${item}:${rev}`, `item:${item}`, {
    type: "blocked_by_text",
    item,
    correlation: `blocked_by_text:${item}:${rev}`,
  });
}

/** Evaluates the dependants of an item after the commit that changed it. */
export function createReevaluateDependantsJob({ id: item }: Snapshot, rev: number): Job {
  return createObserveJob(`reevaluate_dependants:${item}:${rev}`, `reevaluate_dependants:${item}`, {
    type: "reevaluate_dependants",
    item,
    correlation: `reevaluate_dependants:${item}:${rev}`,
  });
}

/**
 * Checks whether a done item was reopened and completed again since `since` (Plane's time). `completed` is its new
 * `completed_at`; `at` is store time.
 */
export function createCompletedAgainJob(
  { id: item, project }: Snapshot,
  { since, completed }: { since: string; completed: string },
  at: Ms,
): Job {
  const id = `completed_again:${item}:${completed}`;
  const body: ObserveBody = { type: "completed_again", project, item, since, completed, correlation: id };
  return createObserveJob(id, `item:${item}`, body, at);
}

export function createProjectCheckJob(project: string, cause: string): Job {
  const id = `check_project:${project}:${cause}`;
  return createObserveJob(id, `project:${project}`, { type: "check_project", project, correlation: id });
}

/**
 * Reads the list of projects, and the items of new ones. `queued`: store time, so that several queued reads become one.
 */
export function createReadProjectsJob({ correlation, cause }: JobCause, queued: Ms): Job {
  return createObserveJob(`projects:${cause}`, "projects", { type: "projects", queued, correlation });
}

export function createReadCyclesJob(project: string, cause: string, correlation: string): Job {
  return createObserveJob(`cycles:${project}:${cause}`, `cycles:${project}`, { type: "cycles", project, correlation });
}

function createObserveJob(id: string, lane: string, body: ObserveBody, at?: Ms): Job {
  return { id, queue: "observe", lane, body, ...omitUndefined({ at }) };
}

import { z } from "zod";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job } from "../store/job-operations.ts";
import type { Snapshot } from "../task/snapshot.ts";
import type { Ms } from "../time.ts";

/** Bodies of the queue `observe`: reads from Plane and evaluations of stored records. `do` is their type. */
export const observeBodySchema = z.discriminatedUnion("do", [
  z.object({
    do: z.literal("read"),
    project: z.string(),
    item: z.string(),
    queued: z.number(),
    correlation: z.string(),
  }),
  z.object({ do: z.literal("next_details"), correlation: z.string() }),
  // Without `isolated` written by version 0.2 and before, one for each change of an item.
  z.object({
    do: z.literal("details"),
    project: z.string(),
    item: z.string(),
    isolated: z.literal(true).optional(),
    correlation: z.string(),
  }),
  // Written by version 0.2 and before.
  z.object({ do: z.literal("fill"), project: z.string(), item: z.string(), correlation: z.string() }),
  z.object({ do: z.literal("initial_changes"), project: z.string(), item: z.string(), correlation: z.string() }),
  z.object({ do: z.literal("evaluate"), item: z.string(), correlation: z.string() }),
  z.object({ do: z.literal("lines"), item: z.string(), correlation: z.string() }),
  z.object({ do: z.literal("fan"), item: z.string(), correlation: z.string() }),
  z.object({
    do: z.literal("completed_again"),
    project: z.string(),
    item: z.string(),
    since: z.string(),
    completed: z.string(),
    correlation: z.string(),
  }),
  z.object({ do: z.literal("project_check"), project: z.string(), correlation: z.string() }),
  z.object({ do: z.literal("projects"), queued: z.number(), correlation: z.string() }),
  z.object({ do: z.literal("cycles"), project: z.string(), correlation: z.string() }),
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
    { do: "read", project, item, queued: at, correlation },
    at,
  );
}

/**
 * Reads the details of one item, of the one that needs them most when it is handled. All these jobs share one lane, so
 * that only one of them waits for quota. `rev` is the revision of the item that was replaced.
 */
export function createDetailsJob(item: string, rev: number, correlation: string): Job {
  return createObserveJob(`details:${item}:${rev}`, "details", { do: "next_details", correlation });
}

/** Reads the details of this item alone. `version` identifies the request. */
export function createIsolatedDetailsJob(
  { project, item }: { project: string; item: string },
  version: number,
  correlation: string,
): Job {
  const body: ObserveBody = { do: "details", project, item, isolated: true, correlation };
  return createObserveJob(`details:${item}:${version}:isolated`, `details:${item}`, body);
}

/** Whether a job of version 0.2 and before reads details because a webhook's comment differed, not for a change. */
export function isCommentsJob({ id, lane }: Pick<Job, "id" | "lane">): boolean {
  return !/^\d{4}-\d\d-\d\dT/.test(id.slice(lane.length + 1));
}

/** Finds what changed on an existing item between the beginning of the baseline and its first read. */
export function createInitialChangesJob(
  { id: item, project }: Snapshot,
  { correlation, cause }: JobCause,
  at: Ms,
): Job {
  const body: ObserveBody = { do: "initial_changes", project, item, correlation };
  return createObserveJob(`initial_changes:${item}:${cause}`, `initial_changes:${item}`, body, at);
}

export function createEvaluateBlockersJob(item: string, cause: string, correlation: string): Job {
  return createObserveJob(`evaluate:${item}:${cause}`, `item:${item}`, { do: "evaluate", item, correlation });
}

/** Evaluates the "Blocked by" lines of a changed description. */
export function createBlockedByTextJob({ id: item }: Snapshot, rev: number): Job {
  return createObserveJob(`lines:${item}:${rev}`, `item:${item}`, {
    do: "lines",
    item,
    correlation: `lines:${item}:${rev}`,
  });
}

/** Evaluates the dependants of an item after the commit that changed it. */
export function createReevaluateDependantsJob({ id: item }: Snapshot, rev: number): Job {
  return createObserveJob(`fan:${item}:${rev}`, `fan:${item}`, { do: "fan", item, correlation: `fan:${item}:${rev}` });
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
  const body: ObserveBody = { do: "completed_again", project, item, since, completed, correlation: id };
  return createObserveJob(id, `item:${item}`, body, at);
}

export function createProjectCheckJob(project: string, cause: string): Job {
  const id = `project_check:${project}:${cause}`;
  return createObserveJob(id, `project:${project}`, { do: "project_check", project, correlation: id });
}

/**
 * Reads the list of projects, and the items of new ones. `queued`: store time, so that several queued reads become one.
 */
export function createReadProjectsJob({ correlation, cause }: JobCause, queued: Ms): Job {
  return createObserveJob(`projects:${cause}`, "projects", { do: "projects", queued, correlation });
}

export function createReadCyclesJob(project: string, cause: string, correlation: string): Job {
  return createObserveJob(`cycles:${project}:${cause}`, `cycles:${project}`, { do: "cycles", project, correlation });
}

function createObserveJob(id: string, lane: string, body: ObserveBody, at?: Ms): Job {
  return { id, queue: "observe", lane, body, ...omitUndefined({ at }) };
}

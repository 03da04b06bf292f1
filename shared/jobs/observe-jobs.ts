import { z } from "zod";
import { omitUndefined } from "../omit-undefined.ts";
import type { Job } from "../store/port.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
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
  z.object({ do: z.literal("details"), project: z.string(), item: z.string(), correlation: z.string() }),
  z.object({ do: z.literal("fill"), project: z.string(), item: z.string(), correlation: z.string() }),
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
 * Reads an item's comments and relations, unless they were read since its last change. Their lane delays no other jobs.
 */
export function createDetailsJobs({ snapshot, detailsAt, gone }: KeptItem, correlation: string): Job[] {
  if (gone !== undefined || snapshot.quiet || detailsAt === snapshot.updatedAt) return [];
  const { id: item, project, updatedAt } = snapshot;
  return [
    createObserveJob(`details:${item}:${updatedAt}`, `details:${item}`, { do: "details", project, item, correlation }),
  ];
}

/** Reads an item's comments because a webhook's comment differs from the stored one. */
export function createCommentsJob(project: string, item: string, { correlation, cause }: JobCause): Job {
  return createObserveJob(`details:${item}:${cause}`, `details:${item}`, { do: "details", project, item, correlation });
}

/** Reads the relations of an item that existed before its project was observed: once, with low priority. */
export function createBackfillRelationsJob({ id: item, project }: Snapshot, correlation: string): Job {
  return createObserveJob(`fill:${item}`, `fill:${project}`, { do: "fill", project, item, correlation });
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

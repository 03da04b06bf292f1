import { z } from "zod";
import type { Job, Ms } from "../store/port.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";

/** The bodies of the queue `observe`: what is to be looked at again. */
export const observeBody = z.discriminatedUnion("do", [
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
  z.object({ do: z.literal("project_check"), project: z.string(), correlation: z.string() }),
  z.object({ do: z.literal("projects"), queued: z.number(), correlation: z.string() }),
  z.object({ do: z.literal("cycles"), project: z.string(), correlation: z.string() }),
]);
export type ObserveBody = z.infer<typeof observeBody>;

interface Cause {
  correlation: string;
  cause: string;
}

/** Read an item again at `at` (store time). */
export function readJob(project: string, item: string, { correlation, cause }: Cause, at: Ms): Job {
  return job(`read:${item}:${cause}:${at}`, `item:${item}`, { do: "read", project, item, queued: at, correlation }, at);
}

/** Comments and relations are read when a read has seen the item change since they were last read; nothing else waits for it. */
export function detailsJob({ snapshot, detailsAt, gone }: KeptItem, correlation: string): Job[] {
  if (gone !== undefined || snapshot.quiet || detailsAt === snapshot.updatedAt) return [];
  const { id: item, project, updatedAt } = snapshot;
  return [job(`details:${item}:${updatedAt}`, `details:${item}`, { do: "details", project, item, correlation })];
}

/** What a webhook said of a comment differs from what is kept: all of them are read. */
export function commentsJob(project: string, item: string, { correlation, cause }: Cause): Job {
  return job(`details:${item}:${cause}`, `details:${item}`, { do: "details", project, item, correlation });
}

/** The relations of an item that was there before us, read once, when there is quota to spare. */
export function fillJob({ id: item, project }: Snapshot, correlation: string): Job {
  return job(`fill:${item}`, `fill:${project}`, { do: "fill", project, item, correlation });
}

export function evaluateJob(item: string, cause: string, correlation: string): Job {
  return job(`evaluate:${item}:${cause}`, `item:${item}`, { do: "evaluate", item, correlation });
}

/** A description that may name blockers has changed. */
export function linesJob({ id: item }: Snapshot, rev: number): Job {
  return job(`lines:${item}:${rev}`, `item:${item}`, { do: "lines", item, correlation: `lines:${item}:${rev}` });
}

/** Those who wait for this item are looked at again, after the commit that changed it. */
export function fanJob({ id: item }: Snapshot, rev: number): Job {
  return job(`fan:${item}:${rev}`, `fan:${item}`, { do: "fan", item, correlation: `fan:${item}:${rev}` });
}

export function projectCheckJob(project: string, cause: string): Job {
  const id = `project_check:${project}:${cause}`;
  return job(id, `project:${project}`, { do: "project_check", project, correlation: id });
}

/** Look at the projects, and read those that are new. `queued`: store time; several queued looks become one. */
export function projectsJob({ correlation, cause }: Cause, queued: Ms): Job {
  return job(`projects:${cause}`, "projects", { do: "projects", queued, correlation });
}

export function cyclesJob(project: string, cause: string, correlation: string): Job {
  return job(`cycles:${project}:${cause}`, `cycles:${project}`, { do: "cycles", project, correlation });
}

function job(id: string, lane: string, body: ObserveBody, at?: Ms): Job {
  return { id, queue: "observe", lane, body, ...(at !== undefined && { at }) };
}

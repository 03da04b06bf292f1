import { GroundcrewError } from "../../errors.ts";
import { pollProject } from "../../observe/poll-project.ts";
import { listReadableProjects } from "../../observe/project-record.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import type { KeptProjectsRead } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { compareUrgency } from "../../task/snapshot.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { CallContext } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { readAgentTasks } from "../tasks/find-task.ts";
import { shortenTaskAnswers } from "./shorten-task-answers.ts";
import { type RankedTask, rankTasks, type TaskAnswer } from "./task-answer.ts";

export interface TaskList {
  tasks: TaskAnswer[];
  /** Seconds since Plane was last read; webhooks bring changes in between. */
  age_s: number;
  /** Number of further tasks. */
  left_out?: number;
}

/** Limit of tasks in one answer, so that it stays readable for an agent. */
const MAX_LISTED = 50;

/**
 * Lists the caller's open tasks, those to continue or to start first (OPENCLAW-02). Uses stored data, without a request
 * to Plane; `fresh` first reads the projects of these tasks, or all projects when there are none. Throws `unavailable`
 * before the first read of Plane.
 */
export async function listTasks(
  context: CallContext,
  { fresh = false }: { fresh?: boolean | undefined },
): Promise<TaskList> {
  const { deps, caller } = context;
  const startedAt = fresh ? await refreshProjects(context) : undefined;
  const tasks = await readAgentTasks(deps, caller.name);
  const ranked = (await rankTasks(context, tasks)).sort(compareRankedTasks);
  const [lastRead] = await deps.store.read<KeptProjectsRead>([observedKeys.projectsRead]);
  if (!lastRead)
    throw new GroundcrewError(
      "unavailable",
      "Groundcrew has not read Plane yet, so your tasks are not known. Call again in a minute.",
    );
  const now = await deps.store.now();
  const at = startedAt ?? lastRead.value.at;
  return {
    tasks: shortenTaskAnswers(ranked.slice(0, MAX_LISTED).map(({ answer }) => answer)),
    age_s: Math.max(0, Math.round((now - at) / 1000)),
    ...omitUndefined({ left_out: ranked.length > MAX_LISTED ? ranked.length - MAX_LISTED : undefined }),
  };
}

/** The progress of a fresh read that was interrupted because it had to wait too long. */
interface KeptRefresh {
  /** Store time. */
  began: Ms;
  projects: string[];
}

/** Retention of an interrupted fresh read: 1 min, within which repeating the call continues it. */
const RESUME_MS: Ms = MINUTE;

/**
 * Reads the caller's projects from Plane and returns the store time at which reading began. Each project costs one of
 * the caller's requests per second: with more projects than one call waits for, throws PlaneRateLimitedError, and
 * repeating the call continues where it stopped.
 */
async function refreshProjects(context: CallContext): Promise<Ms> {
  const { deps, caller, correlation } = context;
  const key = workKeys.fresh(caller.name);
  const [progress] = await deps.store.read<KeptRefresh>([key]);
  const startedAt = progress?.value.began ?? (await deps.store.now());
  const readIds = new Set(progress?.value.projects);
  const readable = await listReadableProjects(deps);
  const ownProjects = new Set((await readAgentTasks(deps, caller.name)).map(({ project }) => project.id));
  const wanted = readable.filter(({ id }) => (ownProjects.size === 0 || ownProjects.has(id)) && !readIds.has(id));
  try {
    for (const project of wanted) {
      await context.waitForTurn("work_items_list");
      await pollProject({ ...deps, plane: context.systemPlane }, project, correlation);
      readIds.add(project.id);
    }
  } catch (thrown) {
    const value: KeptRefresh = { began: startedAt, projects: [...readIds] };
    await deps.store.commit({ put: [{ key, value, expires: RESUME_MS }] });
    throw thrown;
  }
  if (progress) await deps.store.commit({ put: [{ key, value: undefined }] });
  deps.kick();
  return startedAt;
}

function compareRankedTasks(a: RankedTask, b: RankedTask): number {
  return a.rank - b.rank || compareUrgency(a.task.item.snapshot, b.task.item.snapshot);
}

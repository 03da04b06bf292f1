import { GroundcrewError } from "../../errors.ts";
import { pollProject } from "../../observe/poll-project.ts";
import { listReadableProjects } from "../../observe/projects.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import type { KeptProjectsRead } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { comparePriorities } from "../../task/snapshot.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { CallContext } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { readAgentTasks } from "../tasks/find-task.ts";
import { shortenTaskAnswer } from "./shorten-task-answer.ts";
import { type RankedTask, rankTasks, type TaskAnswer } from "./task-answer.ts";

export interface TaskList {
  tasks: TaskAnswer[];
  /** How long ago, in seconds, Plane was last read; webhooks bring what happens in between. */
  age_s: number;
  /** How many more there are. */
  left_out?: number;
}

/** What an agent can take in at once. */
const MAX_LISTED = 50;

/**
 * The caller's open tasks, the one to go on with or to start first (OPENCLAW-02). From what is kept: no request to
 * Plane, unless `fresh`: then the projects of these tasks (all, when there are none) are read first.
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
      "Groundcrew has not read Plane yet, so your tasks are not known: call again in a minute.",
    );
  const now = await deps.store.now();
  const at = startedAt ?? lastRead.value.at;
  return {
    tasks: ranked.slice(0, MAX_LISTED).map(({ answer }) => shortenTaskAnswer(answer)),
    age_s: Math.max(0, Math.round((now - at) / 1000)),
    ...omitUndefined({ left_out: ranked.length > MAX_LISTED ? ranked.length - MAX_LISTED : undefined }),
  };
}

/** What a reading that had to wait too long has read already, and since when. */
interface KeptRefresh {
  /** Store time. */
  began: Ms;
  projects: string[];
}

/** The same call within so long goes on with it. */
const RESUME_MS: Ms = MINUTE;

/**
 * Each project costs the caller one of its turns at Plane: with more of them than one call waits for, it throws
 * PlaneRateLimitedError, and the same call goes on where it was. Answers since when it has been reading.
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
  const [one, other] = [a.task.item.snapshot, b.task.item.snapshot];
  return (
    a.rank - b.rank ||
    comparePriorities(one, other) ||
    compareText(one.due ?? "9", other.due ?? "9") ||
    compareText(one.createdAt, other.createdAt)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

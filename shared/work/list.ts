import { GroundcrewError } from "../errors.ts";
import type { KeptProjectsRead } from "../observe/kept.ts";
import { keys } from "../observe/keys.ts";
import { passProject } from "../observe/pass.ts";
import { readableProjects } from "../observe/projects.ts";
import type { Ms } from "../store/port.ts";
import { byUrgency } from "../task/snapshot.ts";
import type { Acting } from "./acting.ts";
import { brief } from "./brief.ts";
import { tasksOf } from "./find.ts";
import { workKeys } from "./keys.ts";
import { type Standing, standingOf, type TaskAnswer } from "./present.ts";

export interface TaskList {
  tasks: TaskAnswer[];
  /** How long ago, in seconds, Plane was last read; webhooks bring what happens in between. */
  age_s: number;
  /** How many more there are. */
  left_out?: number;
}

/** What an agent can take in at once. */
const SHOWN = 50;

/**
 * The caller's open tasks, the one to go on with or to start first (OPENCLAW-02). From what is kept: no request to
 * Plane, unless `fresh`: then the projects of these tasks (all, when there are none) are read first.
 */
export async function listTasks(acting: Acting, { fresh = false }: { fresh?: boolean | undefined }): Promise<TaskList> {
  const { deps, caller } = acting;
  const began = fresh ? await readAnew(acting) : undefined;
  const tasks = await tasksOf(deps, caller.name);
  const standing = (await standingOf(acting, tasks)).sort(inOrder);
  const [read] = await deps.store.read<KeptProjectsRead>([keys.projectsRead]);
  if (!read)
    throw new GroundcrewError(
      "unavailable",
      "Groundcrew has not read Plane yet, so your tasks are not known: call again in a minute.",
    );
  const now = await deps.store.now();
  const at = began ?? read.value.at;
  return {
    tasks: standing.slice(0, SHOWN).map(({ answer }) => brief(answer)),
    age_s: Math.max(0, Math.round((now - at) / 1000)),
    ...(standing.length > SHOWN && { left_out: standing.length - SHOWN }),
  };
}

/** What a reading that had to wait too long has read already, and since when. */
interface KeptFresh {
  /** Store time. */
  began: Ms;
  projects: string[];
}

/** The same call within so long goes on with it. */
const GOES_ON_MS: Ms = 60_000;

/**
 * Each project costs the caller one of its turns at Plane: with more of them than one call waits for, it throws
 * PlaneRateLimitedError, and the same call goes on where it was. Answers since when it has been reading.
 */
async function readAnew(acting: Acting): Promise<Ms> {
  const { deps, caller, correlation } = acting;
  const key = workKeys.fresh(caller.name);
  const [kept] = await deps.store.read<KeptFresh>([key]);
  const began = kept?.value.began ?? (await deps.store.now());
  const read = new Set(kept?.value.projects);
  const readable = await readableProjects(deps);
  const theirs = new Set((await tasksOf(deps, caller.name)).map(({ project }) => project.id));
  const wanted = readable.filter(({ id }) => (theirs.size === 0 || theirs.has(id)) && !read.has(id));
  try {
    for (const project of wanted) {
      await acting.turn("work_items_list");
      await passProject({ ...deps, plane: acting.main }, project, correlation);
      read.add(project.id);
    }
  } catch (thrown) {
    const value: KeptFresh = { began, projects: [...read] };
    await deps.store.commit({ put: [{ key, value, expires: GOES_ON_MS }] });
    throw thrown;
  }
  if (kept) await deps.store.commit({ put: [{ key, value: undefined }] });
  deps.kick();
  return began;
}

function inOrder(a: Standing, b: Standing): number {
  const [one, other] = [a.task.item.snapshot, b.task.item.snapshot];
  return (
    a.rank - b.rank ||
    byUrgency(one, other) ||
    compare(one.due ?? "9", other.due ?? "9") ||
    compare(one.createdAt, other.createdAt)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

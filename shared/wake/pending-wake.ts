import type { Deps } from "../app/deps.ts";
import { createWakeJob } from "../jobs/wake-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Commit, Put, Revision, StoreKey } from "../store/port.ts";
import type { Ms } from "../time.ts";
import type { KeptWake, WakeTask } from "./wake-record.ts";
import { wakeKeys } from "./wake-record.ts";
import { readWake } from "./wake-store.ts";

/** Delay of a wake: 2 s, in which further tasks join the same wake. */
const BATCH_WINDOW_MS: Ms = 2_000;

/** Limit of tasks named in one wake: 20. list_my_tasks returns all of them. */
export const MAX_TASKS = 20;

interface WakeCommitOptions {
  /** Further conditions of the commit. */
  expect?: [StoreKey, Revision][];
  /** Further values of the commit. */
  put?: Put[];
  /** For tasks that were found in the store: the revisions that were read, by the item's id. */
  found?: Record<string, Revision>;
  /** For a task of an event: the item's revision before the event. */
  since?: Revision | undefined;
}

/**
 * Adds tasks to the agent's next wake and schedules it; tasks within two seconds join one wake, also while the repeat of
 * a wake that did not arrive is scheduled for later. `expect` and `put` are part of the same commit; when a revision in
 * `expect` is stale, nothing is added.
 */
export async function addWakeTasks(
  deps: Pick<Deps, "store" | "kick">,
  agent: string,
  tasks: readonly WakeTask[],
  options: WakeCommitOptions = {},
): Promise<void> {
  for (;;) {
    const wake = await prepareWakeTasks(deps, agent, tasks, options);
    const expect = options.expect ?? [];
    const outcome = await deps.store.commit({
      expect: [...wake.expect, ...expect],
      put: [...wake.put, ...(options.put ?? [])],
      jobs: wake.jobs,
    });
    if (outcome === "kept") return deps.kick();
    if (expect.length > 0) {
      const current = await deps.store.read(expect.map(([expectedKey]) => expectedKey));
      if (current.some((row, i) => (row?.rev ?? 0) !== expect[i]?.[1])) return;
    }
  }
}

/** Prepares the writes that add tasks to the agent's next wake and schedule it, for a commit with further writes. */
export async function prepareWakeTasks(
  deps: Pick<Deps, "store">,
  agent: string,
  tasks: readonly WakeTask[],
  options: Pick<WakeCommitOptions, "found" | "since"> = {},
): Promise<Required<Pick<Commit, "expect" | "put" | "jobs">>> {
  const { wake: previous, rev } = await readWake(deps, agent);
  const now = await deps.store.now();
  const newTasks = tasks.filter((task) => !isAlreadyFound(previous, task, options.since));
  const dueAt = Math.min(previous.dueAt ?? Number.POSITIVE_INFINITY, now + BATCH_WINDOW_MS);
  const nextWake = newTasks.length > 0 ? { pending: mergeWakeTasks(previous.pending, newTasks), dueAt } : {};
  const next: KeptWake = {
    ...previous,
    ...nextWake,
    told: markTold(previous.told, tasks, now),
    ...omitUndefined({ found: options.found ? { ...previous.found, ...options.found } : undefined }),
  };
  return {
    expect: [[wakeKeys.wake(agent), rev]],
    put: [{ key: wakeKeys.wake(agent), value: next }],
    jobs: newTasks.length === 0 || dueAt === previous.dueAt ? [] : [createWakeJob(agent, dueAt)],
  };
}

/**
 * Marks the tasks as told, so that no wake repeats that they can be started. A person's words do not say that, and an
 * agent whose work was ended is notified again once it may start the task again.
 */
function markTold(told: KeptWake["told"], tasks: readonly WakeTask[], now: Ms): KeptWake["told"] {
  const next = { ...told };
  for (const { id, reason } of tasks) {
    if (reason === "stopped") delete next[id];
    else if (reason !== "addressed") next[id] = now;
  }
  return next;
}

/** Whether the agent was already woken for the result of this event, before the event's own job was handled. */
function isAlreadyFound({ found, pending }: KeptWake, { id }: WakeTask, since: Revision | undefined): boolean {
  const foundRev = found?.[id];
  return foundRev !== undefined && since !== undefined && since < foundRev && !pending.some((task) => task.id === id);
}

/**
 * Adds tasks to others; a task that is among them already gets the new reason. A person's words, and the end of the work,
 * stay beside other reasons, and the words of several remarks are kept together.
 */
export function mergeWakeTasks<T extends WakeTask>(earlier: readonly T[], tasks: readonly T[]): T[] {
  const added = new Map<string, T>();
  for (const task of tasks) added.set(toIdentity(task), combineWords(added.get(toIdentity(task)), task));
  const kept = earlier.filter((task) => !added.has(toIdentity(task)));
  const replaced = new Map(earlier.map((task) => [toIdentity(task), task]));
  const merged = [...added].map(([identity, task]) => combineWords(replaced.get(identity), task));
  return [...kept, ...merged].slice(-MAX_TASKS);
}

function toIdentity({ id, reason }: WakeTask): string {
  return reason === "addressed" || reason === "stopped" ? `${reason}:${id}` : id;
}

function combineWords<T extends WakeTask>(earlier: T | undefined, task: T): T {
  if (task.reason !== "addressed" || earlier?.text === undefined || task.text === undefined) return task;
  const lines = new Set([...earlier.text.split("\n"), ...task.text.split("\n")]);
  return { ...task, text: [...lines].join("\n") };
}

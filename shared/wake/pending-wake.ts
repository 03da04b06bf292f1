import type { Deps } from "../app/deps.ts";
import { createWakeJob } from "../jobs/wake-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Commit, Put, Revision, StoreKey } from "../store/port.ts";
import type { Ms } from "../time.ts";
import { EMPTY_WAKE, type KeptWake, type WakeTask, wakeKeys } from "./wake-record.ts";

/** Delay of a wake: 2 s, in which further tasks join the same wake. */
const BATCH_WINDOW_MS: Ms = 2_000;

/** Limit of tasks named in one wake: 20. list_my_tasks returns all of them. */
const MAX_TASKS = 20;

interface WakeCommitOptions {
  /** Further conditions of the commit. */
  expect?: [StoreKey, Revision][];
  /** Further values of the commit. */
  put?: Put[];
  /** For tasks that a tick found in the store: the revisions it read, by the item's id. */
  found?: Record<string, Revision>;
  /** For a task of an event: the item's revision before the event. */
  since?: Revision | undefined;
}

/**
 * Adds tasks to the agent's next wake and schedules it; tasks within two seconds join one wake. `expect` and `put` are
 * part of the same commit; when a revision in `expect` is stale, nothing is added.
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
  const key = wakeKeys.wake(agent);
  const [kept] = await deps.store.read<KeptWake>([key]);
  const now = await deps.store.now();
  const previous = kept?.value ?? EMPTY_WAKE;
  const newTasks = tasks.filter((task) => !isAlreadyFound(previous, task, options.since));
  const isScheduled = previous.dueAt !== undefined;
  const dueAt = previous.dueAt ?? now + BATCH_WINDOW_MS;
  const nextWake = newTasks.length > 0 ? { pending: mergeWakeTasks(previous.pending, newTasks), dueAt } : {};
  const next: KeptWake = {
    ...previous,
    ...nextWake,
    told: { ...previous.told, ...Object.fromEntries(tasks.map(({ id }) => [id, now])) },
    ...omitUndefined({ found: options.found ? { ...previous.found, ...options.found } : undefined }),
  };
  return {
    expect: [[key, kept?.rev ?? 0]],
    put: [{ key, value: next }],
    jobs: isScheduled || newTasks.length === 0 ? [] : [createWakeJob(agent, dueAt)],
  };
}

/** Whether a tick already woke the agent for the result of this event, before the event's own job was handled. */
function isAlreadyFound({ found, pending }: KeptWake, { id }: WakeTask, since: Revision | undefined): boolean {
  const foundRev = found?.[id];
  return foundRev !== undefined && since !== undefined && since < foundRev && !pending.some((task) => task.id === id);
}

/** Adds tasks to the pending ones; a task that is pending already gets the new reason. */
export function mergeWakeTasks(pending: readonly WakeTask[], tasks: readonly WakeTask[]): WakeTask[] {
  const ids = new Set(tasks.map(({ id }) => id));
  return [...pending.filter(({ id }) => !ids.has(id)), ...tasks].slice(-MAX_TASKS);
}

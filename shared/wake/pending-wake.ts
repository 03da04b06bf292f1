import type { Deps } from "../app/deps.ts";
import { createWakeJob } from "../jobs/wake-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Put, Revision, StoreKey } from "../store/port.ts";
import type { Ms } from "../time.ts";
import { EMPTY_WAKE, type KeptWake, type WakeTask, wakeKeys } from "./wake-record.ts";

/** What comes within so long is one wake. */
const BATCH_WINDOW_MS: Ms = 2_000;

/** So many tasks are named in one wake; list_my_tasks has them all. */
const MAX_TASKS = 20;

interface WakeCommitOptions {
  expect?: [StoreKey, Revision][];
  put?: Put[];
  /** For what a tick found by itself: the revisions it saw. */
  found?: Record<string, Revision>;
  /** For an event's notice: the revision from which the event led on. */
  since?: Revision | undefined;
}

/**
 * Adds tasks to the agent's next wake and asks for it; several within two seconds become one. `also` belongs into the
 * same commit; answers false when it was stale.
 */
export async function addWakeTasks(
  deps: Pick<Deps, "store" | "kick">,
  agent: string,
  tasks: readonly WakeTask[],
  options: WakeCommitOptions = {},
): Promise<boolean> {
  const key = wakeKeys.wake(agent);
  for (;;) {
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
    const expect = options.expect ?? [];
    const outcome = await deps.store.commit({
      expect: [[key, kept?.rev ?? 0], ...expect],
      put: [{ key, value: next }, ...(options.put ?? [])],
      jobs: isScheduled || newTasks.length === 0 ? [] : [createWakeJob(agent, dueAt)],
    });
    if (outcome === "kept") {
      deps.kick();
      return true;
    }
    if (expect.length > 0) {
      const current = await deps.store.read(expect.map(([one]) => one));
      if (current.some((one, i) => (one?.rev ?? 0) !== expect[i]?.[1])) return false;
    }
  }
}

/** Whether a tick saw what came of the event before its notice was taken: the agent is woken for it already. */
function isAlreadyFound({ found, pending }: KeptWake, { id }: WakeTask, since: Revision | undefined): boolean {
  const foundRev = found?.[id];
  return foundRev !== undefined && since !== undefined && since < foundRev && !pending.some((task) => task.id === id);
}

/** A task already pending takes the latest reason. */
export function mergeWakeTasks(pending: readonly WakeTask[], tasks: readonly WakeTask[]): WakeTask[] {
  const ids = new Set(tasks.map(({ id }) => id));
  return [...pending.filter(({ id }) => !ids.has(id)), ...tasks].slice(-MAX_TASKS);
}

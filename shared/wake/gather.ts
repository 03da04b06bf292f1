import type { Deps } from "../deps.ts";
import type { Job, Key, Ms, Put, Rev } from "../store/port.ts";
import { type KeptWake, NO_WAKE, type WakeTask, wakeKeys } from "./kept.ts";

/** What comes within so long is one wake. */
const GATHER_MS: Ms = 2_000;

/** So many tasks are named in one wake; list_my_tasks has them all. */
const NAMED = 20;

interface Also {
  expect?: [Key, Rev][];
  put?: Put[];
  /** For what a tick found by itself: the revisions it saw. */
  found?: Record<string, Rev>;
  /** For an event's notice: the revision from which the event led on. */
  since?: Rev | undefined;
}

/**
 * Adds tasks to the agent's next wake and asks for it; several within two seconds become one. `also` belongs into the
 * same commit; answers false when it was stale.
 */
export async function gatherWake(
  deps: Pick<Deps, "store" | "kick">,
  agent: string,
  tasks: readonly WakeTask[],
  also: Also = {},
): Promise<boolean> {
  const key = wakeKeys.wake(agent);
  for (;;) {
    const [kept] = await deps.store.read<KeptWake>([key]);
    const now = await deps.store.now();
    const before = kept?.value ?? NO_WAKE;
    const news = tasks.filter((task) => !isLate(before, task, also.since));
    const asked = before.dueAt !== undefined;
    const dueAt = before.dueAt ?? now + GATHER_MS;
    const next: KeptWake = {
      ...before,
      ...(news.length > 0 && { pending: withTasks(before.pending, news), dueAt }),
      told: { ...before.told, ...Object.fromEntries(tasks.map(({ id }) => [id, now])) },
      ...(also.found && { found: { ...before.found, ...also.found } }),
    };
    const expect = also.expect ?? [];
    const outcome = await deps.store.commit({
      expect: [[key, kept?.rev ?? 0], ...expect],
      put: [{ key, value: next }, ...(also.put ?? [])],
      jobs: asked || news.length === 0 ? [] : [goJob(agent, dueAt)],
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
function isLate({ found, pending }: KeptWake, { id }: WakeTask, since: Rev | undefined): boolean {
  const seen = found?.[id];
  return seen !== undefined && since !== undefined && since < seen && !pending.some((task) => task.id === id);
}

/** A task already pending takes the latest reason. */
export function withTasks(pending: readonly WakeTask[], tasks: readonly WakeTask[]): WakeTask[] {
  const ids = new Set(tasks.map(({ id }) => id));
  return [...pending.filter(({ id }) => !ids.has(id)), ...tasks].slice(-NAMED);
}

/** Posts the agent's wake at `at` (store time). */
export function goJob(agent: string, at: Ms): Job {
  return { id: `go:${agent}:${at}`, queue: "wake", lane: `go:${agent}`, at, body: { go: agent } };
}

/** Looks at `at` whether the agent has done anything since the wake `sent`. */
export function watchJob(agent: string, sent: string, at: Ms): Job {
  return { id: `watch:${sent}`, queue: "wake", lane: `watch:${sent}`, at, body: { watch: agent, sent } };
}

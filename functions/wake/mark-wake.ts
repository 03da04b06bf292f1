import type { Deps } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { createWakeCheckJob, createWakeRetryJob } from "../../shared/jobs/wake-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Ms } from "../../shared/time.ts";
import { mergeWakeTasks } from "../../shared/wake/pending-wake.ts";
import type { KeptWake, SentTask, WakeTask } from "../../shared/wake/wake-record.ts";
import { updateWake } from "../../shared/wake/wake-store.ts";
import { getBackOff } from "./decide-next-wake.ts";

type MarkDeps = Pick<Deps, "store" | "log">;

/**
 * Records that the wake was posted and schedules the check of whether the agent reacts. `uncertain`: why it may not have
 * arrived.
 */
export async function markWakePosted(
  deps: MarkDeps,
  { name }: AgentSettings,
  id: string,
  { uncertain }: { uncertain?: string },
): Promise<void> {
  await updateWake(deps, name, async (wake) => {
    const { posting, retry: _, ...rest } = wake;
    if (posting?.id !== id) return undefined;
    const now = await deps.store.now();
    const isUncertain = uncertain === undefined ? undefined : (true as const);
    const sent = {
      at: posting.at,
      tasks: addSentTasks(wake.sent?.tasks ?? [], posting),
      ...omitUndefined({ isUncertain }),
    };
    const round = Math.max(wake.round ?? 0, 1);
    const next: KeptWake = { ...rest, sent, round, roundAt: wake.roundAt ?? posting.at };
    if (uncertain !== undefined) deps.log.warn("wake may not have arrived", { agent: name, id, outcome: uncertain });
    // A check that is scheduled covers these tasks, too, and after a notice to a person nothing is repeated.
    if (wake.notified || (wake.checkAt !== undefined && wake.checkAt > now)) return { wake: next };
    const checkAt = now + getBackOff({ sent }, round, false);
    return { wake: { ...next, checkAt }, jobs: [createWakeCheckJob(name, `${name}:${checkAt}`, checkAt)] };
  });
}

/** Returns the tasks of a wake that did not arrive to the pending ones, and repeats it after `delay` unless given up. */
export async function markWakeFailed(
  deps: MarkDeps,
  { name }: AgentSettings,
  id: string,
  { failures, delay }: { failures: number; delay?: Ms },
): Promise<void> {
  await updateWake(deps, name, async (wake) => {
    const { posting, retry: _, ...rest } = wake;
    if (posting?.id !== id) return undefined;
    const pending = mergeWakeTasks(posting.tasks, wake.pending);
    if (delay === undefined) return { wake: { ...rest, pending } };
    const retryAt = (await deps.store.now()) + delay;
    const retry = { id, failures, tasks: posting.tasks.map((task) => task.id) };
    // A wake for new tasks that is due earlier takes these tasks along.
    if (wake.dueAt !== undefined && wake.dueAt <= retryAt) return { wake: { ...rest, pending, retry } };
    return { wake: { ...rest, pending, retry, dueAt: retryAt }, jobs: [createWakeRetryJob(name, retryAt)] };
  });
}

/** Startable tasks are found by their state, so only the others are remembered, with the time of their first wake. */
function addSentTasks(earlier: readonly SentTask[], { at, tasks }: { at: Ms; tasks: readonly WakeTask[] }): SentTask[] {
  const added = tasks.filter(({ reason }) => reason !== "assigned" && reason !== "unblocked");
  const getFirst = ({ id, reason }: WakeTask) =>
    earlier.find((task) => task.id === id && task.reason === reason)?.at ?? at;
  return mergeWakeTasks(
    earlier,
    added.map((task) => ({ ...task, at: getFirst(task) })),
  );
}

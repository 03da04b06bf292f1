import type { Deps } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { createWakeCheckJob } from "../../shared/jobs/wake-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { PostResult } from "../../shared/outgoing/post-json.ts";
import { RETRY_DELAYS_MS } from "../../shared/outgoing/retry-delays.ts";
import type { LeasedJob, Settlement } from "../../shared/store/job-operations.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { filterActionableTasks, type WakeTaskDeps } from "../../shared/wake/actionable.ts";
import { type KeptWake, type WakeTask, wakeKeys } from "../../shared/wake/wake-record.ts";
import { readWake } from "../../shared/wake/wake-store.ts";
import { markWakeFailed, markWakePosted } from "./mark-wake.ts";
import { sendWake } from "./send-wake.ts";

/** Interval between checks of whether OpenClaw is configured: 5 min. */
const NOT_CONFIGURED_RETRY_MS: Ms = 5 * MINUTE;
/** Delays between attempts while OpenClaw is down or refuses. The last one repeats, so that wakes arrive once it works. */
const OPENCLAW_RETRY_DELAYS_MS: readonly Ms[] = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 5 * MINUTE];
/** Limit of the gateway's Retry-After: 15 min. A longer one is shortened. */
const MAX_RETRY_AFTER_MS: Ms = 15 * MINUTE;
/** Timeout for a call under way, longer than its job's lease: 2 min. After that its process has ended. */
const POSTING_MS: Ms = 2 * MINUTE;

const DONE: Settlement = { done: true };

export type DeliverWakeDeps = WakeTaskDeps & Pick<Deps, "fetch" | "log" | "newId" | "kick" | "metrics">;

/**
 * Posts the agent's pending wake. The call is recorded before it is made: a wake whose process ended during the call may
 * have arrived, so it is not repeated but checked later. Only a wake that certainly did not arrive is repeated.
 */
export async function deliverWake(deps: DeliverWakeDeps, job: LeasedJob, agent: AgentSettings): Promise<Settlement> {
  if (agent.wake.kind === "none") return DONE;
  const key = wakeKeys.wake(agent.name);
  const { wake, rev } = await readWake(deps, agent.name);
  const now = await deps.store.now();
  const { posting, dueAt, pending, ...rest } = wake;
  if (posting && (posting.job === job.id || now - posting.at > POSTING_MS)) {
    await markWakePosted(deps, agent, posting.id, { uncertain: "the process ended during the call" });
    return posting.job === job.id ? DONE : { retryAt: now };
  }
  // Two wakes of an agent are posted one after the other.
  if (posting) return { retryAt: now + SECOND };
  if (pending.length === 0 || (dueAt !== undefined && dueAt > now)) return DONE;
  const tasks = await filterActionableTasks(deps, agent.name, pending);
  const told = forgetDropped(wake.told, pending, tasks);
  if (tasks.length === 0) {
    const value: KeptWake = { ...rest, told, pending: [] };
    const jobs = wake.sent ? [createWakeCheckJob(agent.name, `${agent.name}:${now}`, now)] : [];
    const outcome = await deps.store.commit({ expect: [[key, rev]], put: [{ key, value }], jobs });
    return outcome === "kept" ? DONE : { retryAt: now };
  }
  const id = wake.retry && hasSameTasks(wake.retry.tasks, tasks) ? wake.retry.id : deps.newId();
  const value: KeptWake = { ...rest, told, pending: [], posting: { id, job: job.id, at: now, tasks } };
  if ((await deps.store.commit({ expect: [[key, rev]], put: [{ key, value }] })) !== "kept") return { retryAt: now };
  const outcome = await sendWake(deps, agent, id, tasks);
  return settleWake(deps, agent, id, outcome, wake.retry?.failures ?? 0);
}

async function settleWake(
  deps: DeliverWakeDeps,
  agent: AgentSettings,
  id: string,
  outcome: PostResult | undefined,
  failures: number,
): Promise<Settlement> {
  if (!outcome) {
    deps.log.warn("agent cannot be woken: OPENCLAW_URL or OPENCLAW_HOOK_TOKEN is not set", { agent: agent.name });
    await markWakeFailed(deps, agent, id, { failures, delay: NOT_CONFIGURED_RETRY_MS });
    return DONE;
  }
  deps.metrics.count("groundcrew_wakes_total", { agent: agent.name, outcome: outcome.ok ? "sent" : "failed" });
  const message = outcome.ok ? "agent woken" : "agent not woken";
  deps.log[outcome.ok ? "info" : "warn"](message, { agent: agent.name, id, outcome: outcome.outcome });
  // OpenClaw 2026.2 runs a repeated call twice, and after a call without a response the agent may already be running.
  const isUncertain = outcome.status === undefined && !outcome.notSent && agent.wake.kind === "openclaw";
  if (outcome.ok || isUncertain) {
    await markWakePosted(deps, agent, id, omitUndefined({ uncertain: outcome.ok ? undefined : outcome.outcome }));
    return DONE;
  }
  const wait = getRetryDelay(agent, failures);
  const isPermanent = wait === undefined || isPermanentFailure(agent, outcome.status);
  const delay = isPermanent ? undefined : Math.max(wait, Math.min(outcome.retryAfter ?? 0, MAX_RETRY_AFTER_MS));
  await markWakeFailed(deps, agent, id, { failures: failures + 1, ...omitUndefined({ delay }) });
  return isPermanent ? { dead: `${agent.name} could not be woken: ${outcome.outcome}` } : DONE;
}

/** Tasks that a wake left out are no longer marked as told, so that they wake the agent once it can start them. */
function forgetDropped(told: KeptWake["told"], pending: readonly WakeTask[], tasks: readonly WakeTask[]) {
  const dropped = pending.filter(({ id }) => !tasks.some((task) => task.id === id));
  return Object.fromEntries(Object.entries(told).filter(([id]) => !dropped.some((task) => task.id === id)));
}

/** A receiver recognizes a repeated wake by its id, so the id stays only while the wake is the same. */
function hasSameTasks(ids: readonly string[], tasks: readonly WakeTask[]): boolean {
  return ids.length === tasks.length && tasks.every(({ id }) => ids.includes(id));
}

function getRetryDelay({ wake }: AgentSettings, failures: number): Ms | undefined {
  return wake.kind === "openclaw"
    ? OPENCLAW_RETRY_DELAYS_MS[Math.min(failures, OPENCLAW_RETRY_DELAYS_MS.length - 1)]
    : RETRY_DELAYS_MS[failures];
}

/** OpenClaw answers 400 for an agent that it does not know or may not wake, which a person can fix while it is retried. */
function isPermanentFailure({ wake }: AgentSettings, status: number | undefined): boolean {
  return status === 410 || status === 413 || (status === 400 && wake.kind !== "openclaw");
}

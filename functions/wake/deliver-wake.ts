import type { Deps } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { createWakeCheckJob } from "../../shared/jobs/wake-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { PostResult } from "../../shared/outgoing/post-json.ts";
import { RETRY_DELAYS_MS } from "../../shared/outgoing/retry-delays.ts";
import type { LeasedJob, Settlement } from "../../shared/store/job-operations.ts";
import { updateValue } from "../../shared/store/update.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { filterActionableTasks } from "../../shared/wake/actionable.ts";
import { mergeWakeTasks } from "../../shared/wake/pending-wake.ts";
import { type KeptLastCall, type KeptWake, type WakeTask, wakeKeys } from "../../shared/wake/wake-record.ts";
import { sendWake } from "./send-wake.ts";

/** Timeout for a call of the agent after a wake: 10 min, after which it is woken again. */
export const NO_RESPONSE_MS: Ms = 10 * MINUTE;
/** Timeout for a call of the agent after a wake without a response: 2 min, because the wake may not have arrived. */
const UNCERTAIN_DELIVERY_MS: Ms = 2 * MINUTE;
/** Interval between checks of whether OpenClaw is configured: 5 min. */
const NOT_CONFIGURED_RETRY_MS: Ms = 5 * MINUTE;
/** Delays between attempts while OpenClaw is down or refuses. The last one repeats, so that wakes arrive once it works. */
const OPENCLAW_RETRY_DELAYS_MS: readonly Ms[] = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 5 * MINUTE];

const DONE: Settlement = { done: true };

type DeliverWakeDeps = Pick<Deps, "store" | "settings" | "fetch" | "clock" | "log" | "newId" | "kick" | "metrics">;

/**
 * Posts the agent's pending wake. The state `posting` is stored before the call: a wake whose process ended during the
 * call may have arrived, so it is not repeated but checked later. Only a wake that certainly did not arrive is repeated.
 */
export async function deliverWake(deps: DeliverWakeDeps, job: LeasedJob, agent: AgentSettings): Promise<Settlement> {
  if (agent.wake.kind === "none") return DONE;
  const key = wakeKeys.wake(agent.name);
  const [kept] = await deps.store.read<KeptWake>([key]);
  if (!kept) return DONE;
  const { sent, pending } = kept.value;
  const isSameJob = sent?.job === job.id;
  if (isSameJob && sent.state === "posted") return DONE;
  if (isSameJob && sent.state === "posting")
    return markWakePosted(deps, agent, sent.id, UNCERTAIN_DELIVERY_MS, "the process ended during the call");
  const { dueAt: _, sent: __, ...rest } = kept.value;
  // Tasks of a wake that did not arrive are sent again, together with those that were added since.
  const undelivered = sent?.state === "failed" ? sent.tasks : [];
  const tasks = await filterActionableTasks(deps, agent.name, mergeWakeTasks(undelivered, pending));
  if (tasks.length === 0) {
    const value: KeptWake = {
      ...rest,
      pending: [],
      ...omitUndefined({ sent: sent && undelivered.length === 0 ? sent : undefined }),
    };
    const outcome = await deps.store.commit({ expect: [[key, kept.rev]], put: [{ key, value }] });
    return outcome === "kept" ? DONE : { retryAt: await deps.store.now() };
  }
  const id = isSameJob ? sent.id : deps.newId();
  const at = await deps.store.now();
  const watched = mergeWakeTasks(await readUnansweredTasks(deps, agent, sent), tasks);
  const posting: KeptWake = { ...rest, pending: [], sent: { id, job: job.id, at, state: "posting", tasks: watched } };
  if ((await deps.store.commit({ expect: [[key, kept.rev]], put: [{ key, value: posting }] })) !== "kept")
    return { retryAt: await deps.store.now() };

  const outcome = await sendWake(deps, agent, id, tasks);
  return settleWake(deps, job, agent, id, outcome);
}

async function settleWake(
  deps: DeliverWakeDeps,
  job: LeasedJob,
  agent: AgentSettings,
  id: string,
  outcome: PostResult | undefined,
): Promise<Settlement> {
  if (!outcome) {
    deps.log.warn("agent cannot be woken: OPENCLAW_URL or OPENCLAW_HOOK_TOKEN is not set", {
      agent: agent.name,
    });
    await markWakeFailed(deps, agent, id);
    return { retryAt: (await deps.store.now()) + NOT_CONFIGURED_RETRY_MS };
  }
  deps.metrics.count("groundcrew_wakes_total", { agent: agent.name, outcome: outcome.ok ? "sent" : "failed" });
  const message = outcome.ok ? "agent woken" : "agent not woken";
  deps.log[outcome.ok ? "info" : "warn"](message, { agent: agent.name, id, outcome: outcome.outcome });
  if (outcome.ok) return markWakePosted(deps, agent, id, NO_RESPONSE_MS, outcome.outcome);
  // OpenClaw 2026.2 runs a repeated call twice, and after a call without a response the agent may already be running.
  const isUncertain = outcome.status === undefined && !outcome.notSent && agent.wake.kind === "openclaw";
  if (isUncertain) return markWakePosted(deps, agent, id, UNCERTAIN_DELIVERY_MS, outcome.outcome);
  await markWakeFailed(deps, agent, id);
  const delay = getRetryDelay(agent, job.failures);
  const isPermanent = isPermanentFailure(agent, outcome.status);
  if (isPermanent || delay === undefined) return { dead: `${agent.name} could not be woken: ${outcome.outcome}` };
  return { retryAt: (await deps.store.now()) + Math.max(delay, outcome.retryAfter ?? 0), failed: true };
}

/** Records that the wake was posted and schedules the check of whether the agent called within `timeout`. */
async function markWakePosted(
  deps: DeliverWakeDeps,
  agent: AgentSettings,
  id: string,
  timeout: Ms,
  outcome: string,
): Promise<Settlement> {
  const key = wakeKeys.wake(agent.name);
  await updateValue<KeptWake>(deps, key, async (kept) => {
    const sent = kept?.sent;
    if (!sent || sent.id !== id) return undefined;
    const now = await deps.store.now();
    const afterCommit = () => {
      if (timeout === UNCERTAIN_DELIVERY_MS)
        deps.log.warn("wake may not have arrived", { agent: agent.name, id, outcome });
    };
    return {
      put: [{ key, value: { ...kept, sent: { ...sent, state: "posted" } } satisfies KeptWake }],
      jobs: [createWakeCheckJob(agent.name, id, now + timeout)],
      afterCommit,
    };
  });
  return DONE;
}

async function markWakeFailed(deps: DeliverWakeDeps, agent: AgentSettings, id: string): Promise<void> {
  const key = wakeKeys.wake(agent.name);
  const [kept] = await deps.store.read<KeptWake>([key]);
  const sent = kept?.value.sent;
  if (!sent || sent.id !== id) return;
  const value: KeptWake = { ...kept.value, sent: { ...sent, state: "failed" } };
  await deps.store.commit({ expect: [[key, kept.rev]], put: [{ key, value }] });
}

/** Reads the tasks of an earlier wake that the agent has not answered; the check after the next wake covers them, too. */
async function readUnansweredTasks(
  { store }: DeliverWakeDeps,
  agent: AgentSettings,
  sent: KeptWake["sent"],
): Promise<WakeTask[]> {
  if (sent?.state !== "posted") return [];
  const [lastCall] = await store.read<KeptLastCall>([wakeKeys.lastCall(agent.name)]);
  return lastCall !== undefined && lastCall.value.at >= sent.at ? [] : sent.tasks;
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

import type { Deps } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { createWakeCheckJob } from "../../shared/jobs/wake-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { PostResult } from "../../shared/outgoing/post-json.ts";
import { RETRY_DELAYS_MS } from "../../shared/outgoing/retry-delays.ts";
import type { LeasedJob, Settlement } from "../../shared/store/port.ts";
import { updateValue } from "../../shared/store/update.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { filterActionableTasks } from "../../shared/wake/actionable.ts";
import { mergeWakeTasks } from "../../shared/wake/pending-wake.ts";
import { type KeptLastCall, type KeptWake, type WakeTask, wakeKeys } from "../../shared/wake/wake-record.ts";
import { sendWake } from "./send-wake.ts";

/** An agent that has called nothing so long after a wake is woken again. */
export const NO_RESPONSE_MS: Ms = 10 * MINUTE;
/** The same after a wake whose answer never came. */
const UNCERTAIN_DELIVERY_MS: Ms = 2 * MINUTE;
/** Between looks at whether OpenClaw has been set up. */
const NOT_CONFIGURED_RETRY_MS: Ms = 5 * MINUTE;
/** Between attempts at an OpenClaw that is down or refuses; the last repeats: once it is mended, no agent sleeps on. */
const OPENCLAW_RETRY_DELAYS_MS: readonly Ms[] = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 5 * MINUTE];

const DONE: Settlement = { done: true };

type DeliverWakeDeps = Pick<Deps, "store" | "settings" | "fetch" | "clock" | "log" | "newId" | "kick" | "metrics">;

/**
 * Posts the agent's gathered wake. It is kept as being posted before the call: a process that ends in the call leaves
 * a wake that may have arrived, which is not repeated but watched; only what surely did not arrive is posted again.
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
    return markWakePosted(deps, agent, sent.id, UNCERTAIN_DELIVERY_MS, "the process ended in the call");
  const { dueAt: _, sent: __, ...rest } = kept.value;
  // What did not arrive goes with what came since, in one wake.
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
    deps.log.warn("an agent cannot be woken: OPENCLAW_URL and OPENCLAW_HOOK_TOKEN are not both set", {
      agent: agent.name,
    });
    await markWakeFailed(deps, agent, id);
    return { retryAt: (await deps.store.now()) + NOT_CONFIGURED_RETRY_MS };
  }
  deps.metrics.count("groundcrew_wakes_total", { agent: agent.name, outcome: outcome.ok ? "sent" : "failed" });
  deps.log[outcome.ok ? "info" : "warn"]("agent woken", { agent: agent.name, id, outcome: outcome.outcome });
  if (outcome.ok) return markWakePosted(deps, agent, id, NO_RESPONSE_MS, outcome.outcome);
  // OpenClaw 2026.2 runs a repeated call twice: without an answer it may be running already.
  const isUncertain = outcome.status === undefined && !outcome.notSent && agent.wake.kind === "openclaw";
  if (isUncertain) return markWakePosted(deps, agent, id, UNCERTAIN_DELIVERY_MS, outcome.outcome);
  await markWakeFailed(deps, agent, id);
  const delay = getRetryDelay(agent, job.failures);
  const isPermanent = isPermanentFailure(agent, outcome.status);
  if (isPermanent || delay === undefined) return { dead: `${agent.name} could not be woken: ${outcome.outcome}` };
  return { retryAt: (await deps.store.now()) + Math.max(delay, outcome.wait ?? 0), failed: true };
}

/** The wake is out; when nothing comes of it within `wait`, it is looked at again. */
async function markWakePosted(
  deps: DeliverWakeDeps,
  agent: AgentSettings,
  id: string,
  wait: Ms,
  outcome: string,
): Promise<Settlement> {
  const key = wakeKeys.wake(agent.name);
  await updateValue<KeptWake>(deps, key, async (kept) => {
    const sent = kept?.sent;
    if (!sent || sent.id !== id) return undefined;
    const now = await deps.store.now();
    const afterCommit = () => {
      if (wait === UNCERTAIN_DELIVERY_MS)
        deps.log.warn("a wake may not have arrived", { agent: agent.name, id, outcome });
    };
    return {
      put: [{ key, value: { ...kept, sent: { ...sent, state: "posted" } } satisfies KeptWake }],
      jobs: [createWakeCheckJob(agent.name, id, now + wait)],
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

/** What an earlier wake was about that the agent has not called since: the look at the next one is for that, too. */
async function readUnansweredTasks(
  { store }: DeliverWakeDeps,
  agent: AgentSettings,
  sent: KeptWake["sent"],
): Promise<WakeTask[]> {
  if (sent?.state !== "posted") return [];
  const [lastCall] = await store.read<KeptLastCall>([wakeKeys.seen(agent.name)]);
  return lastCall !== undefined && lastCall.value.at >= sent.at ? [] : sent.tasks;
}

function getRetryDelay({ wake }: AgentSettings, failures: number): Ms | undefined {
  return wake.kind === "openclaw"
    ? OPENCLAW_RETRY_DELAYS_MS[Math.min(failures, OPENCLAW_RETRY_DELAYS_MS.length - 1)]
    : RETRY_DELAYS_MS[failures];
}

/** OpenClaw's 400 is an agent that it does not know or may not wake: a person mends that there. */
function isPermanentFailure({ wake }: AgentSettings, status: number | undefined): boolean {
  return status === 410 || status === 413 || (status === 400 && wake.kind !== "openclaw");
}

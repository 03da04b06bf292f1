import type { Agent } from "../../shared/config/file.ts";
import type { Deps } from "../../shared/deps.ts";
import type { Posted } from "../../shared/outgoing/post.ts";
import { RETRY_MS } from "../../shared/outgoing/retry.ts";
import type { Leased, Ms, Settlement } from "../../shared/store/port.ts";
import { stillToDo } from "../../shared/wake/actionable.ts";
import { watchJob, withTasks } from "../../shared/wake/gather.ts";
import { type KeptSeen, type KeptWake, type WakeTask, wakeKeys } from "../../shared/wake/kept.ts";
import { sendWake } from "./send.ts";

/** An agent that has called nothing so long after a wake is woken again. */
export const UNHEARD_MS: Ms = 10 * 60_000;
/** The same after a wake whose answer never came. */
const DOUBTFUL_MS: Ms = 2 * 60_000;
/** Between looks at whether OpenClaw has been set up. */
const NOT_SET_UP_MS: Ms = 5 * 60_000;
/** Between attempts at an OpenClaw that is down or refuses; the last repeats: once it is mended, no agent sleeps on. */
const OPENCLAW_MS: readonly Ms[] = [5_000, 30_000, 120_000, 300_000];

const DONE: Settlement = { done: true };

type GoDeps = Pick<Deps, "store" | "settings" | "fetch" | "clock" | "log" | "newId" | "kick" | "metrics">;

/**
 * Posts the agent's gathered wake. It is kept as being posted before the call: a process that ends in the call leaves
 * a wake that may have arrived, which is not repeated but watched; only what surely did not arrive is posted again.
 */
export async function go(deps: GoDeps, job: Leased, agent: Agent): Promise<Settlement> {
  if (agent.wake.kind === "none") return DONE;
  const key = wakeKeys.wake(agent.name);
  const [kept] = await deps.store.read<KeptWake>([key]);
  if (!kept) return DONE;
  const { sent, pending } = kept.value;
  const mine = sent?.job === job.id;
  if (mine && sent.state === "posted") return DONE;
  if (mine && sent.state === "posting")
    return posted(deps, agent, sent.id, DOUBTFUL_MS, "the process ended in the call");
  const { dueAt: _, sent: __, ...rest } = kept.value;
  // What did not arrive goes with what came since, in one wake.
  const missed = sent?.state === "failed" ? sent.tasks : [];
  const tasks = await stillToDo(deps, agent.name, withTasks(missed, pending));
  if (tasks.length === 0) {
    const value: KeptWake = { ...rest, pending: [], ...(sent && missed.length === 0 && { sent }) };
    const outcome = await deps.store.commit({ expect: [[key, kept.rev]], put: [{ key, value }] });
    return outcome === "kept" ? DONE : { retryAt: await deps.store.now() };
  }
  const id = mine ? sent.id : deps.newId();
  const at = await deps.store.now();
  const watched = withTasks(await unheardOf(deps, agent, sent), tasks);
  const begun: KeptWake = { ...rest, pending: [], sent: { id, job: job.id, at, state: "posting", tasks: watched } };
  if ((await deps.store.commit({ expect: [[key, kept.rev]], put: [{ key, value: begun }] })) !== "kept")
    return { retryAt: await deps.store.now() };

  const outcome = await sendWake(deps, agent, id, tasks);
  return after(deps, job, agent, id, outcome);
}

async function after(
  deps: GoDeps,
  job: Leased,
  agent: Agent,
  id: string,
  outcome: Posted | undefined,
): Promise<Settlement> {
  if (!outcome) {
    deps.log.warn("an agent cannot be woken: OPENCLAW_URL and OPENCLAW_HOOK_TOKEN are not both set", {
      agent: agent.name,
    });
    await failed(deps, agent, id);
    return { retryAt: (await deps.store.now()) + NOT_SET_UP_MS };
  }
  deps.metrics.count("groundcrew_wakes_total", { agent: agent.name, outcome: outcome.ok ? "sent" : "failed" });
  deps.log[outcome.ok ? "info" : "warn"]("agent woken", { agent: agent.name, id, outcome: outcome.outcome });
  if (outcome.ok) return posted(deps, agent, id, UNHEARD_MS, outcome.outcome);
  // OpenClaw 2026.2 runs a repeated call twice: without an answer it may be running already.
  const doubtful = outcome.status === undefined && !outcome.notSent && agent.wake.kind === "openclaw";
  if (doubtful) return posted(deps, agent, id, DOUBTFUL_MS, outcome.outcome);
  await failed(deps, agent, id);
  const delay = delayAfter(agent, job.failures);
  const lasting = isLasting(agent, outcome.status);
  if (lasting || delay === undefined) return { dead: `${agent.name} could not be woken: ${outcome.outcome}` };
  return { retryAt: (await deps.store.now()) + Math.max(delay, outcome.wait ?? 0), failed: true };
}

/** The wake is out; when nothing comes of it within `wait`, it is looked at again. */
async function posted(deps: GoDeps, agent: Agent, id: string, wait: Ms, outcome: string): Promise<Settlement> {
  const key = wakeKeys.wake(agent.name);
  for (;;) {
    const [kept] = await deps.store.read<KeptWake>([key]);
    const sent = kept?.value.sent;
    if (!sent || sent.id !== id) return DONE;
    const now = await deps.store.now();
    const kicked = await deps.store.commit({
      expect: [[key, kept.rev]],
      put: [{ key, value: { ...kept.value, sent: { ...sent, state: "posted" } } satisfies KeptWake }],
      jobs: [watchJob(agent.name, id, now + wait)],
    });
    if (kicked !== "kept") continue;
    if (wait === DOUBTFUL_MS) deps.log.warn("a wake may not have arrived", { agent: agent.name, id, outcome });
    return DONE;
  }
}

async function failed(deps: GoDeps, agent: Agent, id: string): Promise<void> {
  const key = wakeKeys.wake(agent.name);
  const [kept] = await deps.store.read<KeptWake>([key]);
  const sent = kept?.value.sent;
  if (!sent || sent.id !== id) return;
  const value: KeptWake = { ...kept.value, sent: { ...sent, state: "failed" } };
  await deps.store.commit({ expect: [[key, kept.rev]], put: [{ key, value }] });
}

/** What an earlier wake was about that the agent has not called since: the look at the next one is for that, too. */
async function unheardOf({ store }: GoDeps, agent: Agent, sent: KeptWake["sent"]): Promise<WakeTask[]> {
  if (sent?.state !== "posted") return [];
  const [seen] = await store.read<KeptSeen>([wakeKeys.seen(agent.name)]);
  return seen !== undefined && seen.value.at >= sent.at ? [] : sent.tasks;
}

function delayAfter({ wake }: Agent, failures: number): Ms | undefined {
  return wake.kind === "openclaw" ? OPENCLAW_MS[Math.min(failures, OPENCLAW_MS.length - 1)] : RETRY_MS[failures];
}

/** OpenClaw's 400 is an agent that it does not know or may not wake: a person mends that there. */
function isLasting({ wake }: Agent, status: number | undefined): boolean {
  return status === 410 || status === 413 || (status === 400 && wake.kind !== "openclaw");
}

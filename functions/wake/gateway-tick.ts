/**
 * Watches the OpenClaw gateways of agents that work: the runs of a gateway that ends are gone, and nothing says so.
 * Once it is back, its agents are woken again for what they were doing, instead of when their claims expire.
 */

import { z } from "zod";
import type { Deps, Tick } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { findErrorCode } from "../../shared/errors.ts";
import { readBody } from "../../shared/http/outgoing.ts";
import { createWakeJob } from "../../shared/jobs/internal-jobs.ts";
import type { ClaimRecord } from "../../shared/records/claim-record.ts";
import { workSets } from "../../shared/records/store-keys.ts";
import { readAllRows } from "../../shared/store/records.ts";
import { findStoredTask } from "../../shared/tasks/find-task.ts";
import { findStartableTasks } from "../../shared/tasks/startable-tasks.ts";
import {
  findGatewayUrl,
  type LastCallRecord,
  mergeWakeTasks,
  readWake,
  updateWake,
  type WakeTask,
  wakeKeys,
} from "../../shared/tasks/wakes.ts";
import { tryParseJson } from "../../shared/text.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";

/** What is known of a gateway that did not answer a probe; deleted when it answers. */
interface GatewayLossRecord {
  /** Store time of the first probe that failed. */
  since: Ms;
  failures: number;
}

type GatewayState = "answers" | "gone" | "unknown";

/** Failed probes after which the runs of a gateway count as gone. */
const LOST_AFTER = 2;

/** Timeout for a probe: 5 s. A gateway that is only slow may still run its agents. */
const PROBE_TIMEOUT_MS: Ms = 5 * SECOND;

/** Time after a wake without a call in which its run may be under way: 5 min, after which it is repeated anyway. */
const RUN_MS: Ms = 5 * MINUTE;

/** Errors of a closed port, and of a connection that broke. A connection that nobody takes may be the network's fault. */
const GONE_CODES = new Set(["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_SOCKET"]);

/** What a proxy answers for a gateway that is not there, and a gateway that starts or stops. */
const GONE_STATUSES = [502, 503];

/** Limit of the answer of a gateway that starts or stops, in UTF-16 units; it has about 60. */
const STARTUP_LENGTH = 2_000;

const startupSchema = z.object({ status: z.string() });

/** Probes, every 10 s, the gateways whose agents work or were just woken. */
export const gatewaysTick: Tick = {
  name: "gateways",
  cron: ({ agents }) => (agents.some(({ wake }) => wake.kind === "openclaw") ? "*/10 * * * * *" : "0 0 * * *"),
  async run(deps) {
    const counts = { probed: 0, woken: 0 };
    const byUrl = Map.groupBy(deps.settings.agents, (agent) => findGatewayUrl(deps, agent));
    for (const [url, agents] of byUrl) {
      if (url === undefined) continue;
      const [loss] = await deps.store.read<GatewayLossRecord>([wakeKeys.gatewayLoss(url)]);
      if (!loss && !(await hasRuns(deps, agents))) continue;
      counts.probed += 1;
      const state = await probeGateway(deps, url);
      if (state === "unknown" || (state === "answers" && !loss)) continue;
      const { since = await deps.store.now(), failures = 0 } = loss?.value ?? {};
      const value = state === "gone" ? { since, failures: failures + 1 } : undefined;
      if (!value && failures >= LOST_AFTER)
        for (const agent of agents) counts.woken += (await wakeInterrupted(deps, agent, since)) ? 1 : 0;
      if (value?.failures === LOST_AFTER) deps.log.warn("gateway lost", { url: new URL(url).host });
      await deps.store.commit({ put: [{ key: wakeKeys.gatewayLoss(url), value }] });
    }
    return counts;
  },
};

/** Whether one of the agents may have a run: it holds a task, or was woken and has not called yet. */
async function hasRuns(deps: Pick<Deps, "store">, agents: readonly AgentSettings[]): Promise<boolean> {
  const now = await deps.store.now();
  for (const { name } of agents) {
    if ((await deps.store.count(workSets.claimsOf(name))) > 0) return true;
    const { wake } = await readWake(deps, name);
    if (wake.sent && now - wake.sent.at < RUN_MS) return true;
  }
  return false;
}

/**
 * Asks whether a gateway takes work. 2026.9 listens before it has started, and refuses wakes until then; while it
 * stops, its runs go on. 2026.2 has no such path and gives any other answer.
 */
async function probeGateway(deps: Pick<Deps, "fetch">, url: string): Promise<GatewayState> {
  const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  try {
    const response = await deps.fetch(`${url.replace(/\/+$/, "")}/startupz`, { redirect: "manual", signal });
    if (!GONE_STATUSES.includes(response.status)) {
      await response.body?.cancel();
      return "answers";
    }
    const { data: state } = startupSchema.safeParse(tryParseJson((await readBody(response, STARTUP_LENGTH)) ?? ""));
    return state?.status === "draining" ? "answers" : "gone";
  } catch (thrown) {
    return GONE_CODES.has(findErrorCode(thrown) ?? "") ? "gone" : "unknown";
  }
}

/**
 * Wakes an agent for what it was doing when its gateway was lost: the tasks it holds, what it was woken for without
 * acting on it, and what it can start, if it was active then. One that has called since has a run, so it gets no second
 * one.
 */
async function wakeInterrupted(deps: Deps, { name }: AgentSettings, lostAt: Ms): Promise<boolean> {
  const [[lastCall], claims, startable] = await Promise.all([
    deps.store.read<LastCallRecord>([wakeKeys.lastCall(name)]),
    readAllRows<ClaimRecord>(deps, workSets.claimsOf(name)),
    findStartableTasks(deps, name),
  ]);
  const { at: calledAt = 0, answered = 0 } = lastCall?.value ?? {};
  if (calledAt > lostAt) return false;
  const held = await Promise.all(claims.map(({ value }) => findStoredTask(deps, value.item)));
  const interrupted = held.flatMap((task): WakeTask[] =>
    task ? [{ id: task.id, key: task.key, reason: "interrupted", title: task.item.snapshot.name }] : [],
  );
  let isWoken = false;
  await updateWake(deps, name, async (wake) => {
    const now = await deps.store.now();
    const isActive = Math.max(calledAt, wake.sent?.at ?? 0) > lostAt - RUN_MS;
    const free = isActive ? startable.map(({ rev: _, ...task }): WakeTask => task) : [];
    const unsettled = (wake.sent?.tasks ?? []).filter(
      ({ reason, at }) => at > (reason === "asked_for" ? answered : calledAt),
    );
    const tasks: WakeTask[] = [...unsettled, ...free, ...interrupted];
    isWoken = tasks.length > 0;
    if (!isWoken) return undefined;
    deps.log.info("waking again after the gateway was lost", { agent: name, tasks: tasks.map(({ key }) => key) });
    return {
      wake: { ...wake, pending: mergeWakeTasks(wake.pending, tasks), dueAt: now, runsLostAt: lostAt },
      jobs: [createWakeJob(name, now)],
      afterCommit: () => deps.notify(),
    };
  });
  return isWoken;
}

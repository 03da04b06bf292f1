/**
 * What the sessions of agents have used, by their gateway's own figures: read from the gateway on this machine, or
 * posted by another. They are totals that grow: what was added since the last time belongs to the task on which the
 * agent worked most meanwhile, where it takes the place of what the agent reported. What belongs to no task counts for
 * the agent and the month only.
 */

import { Hono } from "hono";
import { z } from "zod";
import { prepareSpending } from "../shared/accounting/spending.ts";
import { readAllTimes } from "../shared/accounting/time-entries.ts";
import type { Deps, Route, Tick } from "../shared/app/deps.ts";
import { getOpenclawId } from "../shared/config/settings.ts";
import { spawnedRunsSchema } from "../shared/gateway-tasks.ts";
import { createJsonReader } from "../shared/http/limits.ts";
import type { Task } from "../shared/records/plane-records.ts";
import type { StoreKey } from "../shared/store/port.ts";
import { mergeUpdates, updateValue } from "../shared/store/records.ts";
import { prepareMeasuredUsage } from "../shared/tasks/card-record.ts";
import { findStoredTask } from "../shared/tasks/find-task.ts";
import { type LastCallRecord, wakeKeys } from "../shared/tasks/wakes.ts";
import { DAY, MINUTE, type Ms, SECOND } from "../shared/time.ts";

/** The answer of OpenClaw 2026.9 to `sessions.usage`, of which only this is read. */
const usageSchema = z.object({
  sessions: z
    .array(
      z.object({
        agentId: z.string().max(64),
        sessionId: z.string().max(100),
        usage: z
          .object({
            totalTokens: z.number().min(0).max(1e15),
            totalCost: z.number().min(0).max(1e9).default(0),
            firstActivity: z.number(),
            lastActivity: z.number(),
          })
          .nullish()
          .catch(undefined),
      }),
    )
    .max(5_000),
});

/** What was counted of a session, and until when. */
interface UsageRecord {
  tokens: number;
  cost: number;
  /** Last activity, by the gateway's clock. */
  to: Ms;
}

/** The end of the last run that was observed, by OpenClaw's clock. */
interface SpawnedRecord {
  until: Ms;
}

const SPAWNED_KEY: StoreKey = "usage:spawned-until";

/** Time after an agent's last call in which its gateway is asked: 20 min. */
const RECENT_MS: Ms = 20 * MINUTE;

/** Retention of what was counted: 90 days after a session's last figures, longer than a gateway reports it. */
const RETENTION_MS: Ms = 90 * DAY;

const usageKey = (agent: string, session: string): StoreKey =>
  `usage:${encodeURIComponent(agent)}:${encodeURIComponent(session)}`;

const EXAMPLE = "Send what `openclaw gateway call sessions.usage --json` prints.";

/** Takes OpenClaw's figures of sessions: totals, so that sending them again changes nothing. */
export const usageRoute: Route = { path: "/api/usage", access: "admin", app };

function app(deps: Deps): Hono {
  const readJson = createJsonReader();
  return new Hono().post("/", async (c) => {
    const usage = await readJson(c, usageSchema, { example: EXAMPLE });
    return c.json({ sessions: await countUsage(deps, usage, c.get("correlation")) });
  });
}

/**
 * Reads, every 5 min while agents work and a while after it, what OpenClaw's gateway on this machine has measured. The
 * gateway counts a session some time after its run, so a run's end alone would be too early.
 */
export const usageTick: Tick = {
  name: "usage",
  cron: ({ agents }) => (agents.some(({ wake }) => wake.kind === "openclaw") ? "*/5 * * * *" : "0 0 * * *"),
  async run(deps) {
    const woken = deps.settings.agents.filter(({ wake }) => wake.kind === "openclaw");
    const calls = await deps.store.read<LastCallRecord>(woken.map(({ name }) => wakeKeys.lastCall(name)));
    const lastCall = Math.max(0, ...calls.map((row) => row?.value.at ?? 0));
    if (!deps.askOpenclaw || (await deps.store.now()) - lastCall > RECENT_MS) return { sessions: 0, spawned: 0 };
    const { data: usage } = usageSchema.safeParse(await deps.askOpenclaw("usage"));
    if (!usage) deps.log.info("the gateway's figures could not be read");
    const sessions = usage ? await countUsage(deps, usage, `usage-${deps.newId()}`) : 0;
    return { sessions, spawned: await observeSpawned(deps, await deps.askOpenclaw("tasks")) };
  },
};

/** Counts what these sessions have used since they were counted last; returns how many have used more. */
async function countUsage(deps: Deps, { sessions }: z.output<typeof usageSchema>, correlation: string) {
  const agents = new Map(deps.settings.agents.map((agent) => [getOpenclawId(agent), agent.name]));
  let counted = 0;
  for (const { agentId, sessionId, usage } of sessions) {
    const agent = agents.get(agentId);
    if (agent === undefined || !usage) continue;
    const { totalTokens: tokens, totalCost: cost, firstActivity: from, lastActivity: to } = usage;
    const key = usageKey(agent, sessionId);
    const isCounted = await updateValue<UsageRecord, boolean>(deps, key, async (before) => {
      const delta = { tokens: tokens - (before?.tokens ?? 0), cost: cost - (before?.cost ?? 0) };
      if (delta.tokens <= 0 && delta.cost <= 0) return { result: false };
      const task = await findTaskAt(deps, agent, before?.to ?? from, to);
      const nothing = { project: { id: "", identifier: "" } };
      const update = task
        ? await prepareMeasuredUsage(deps, task, agent, delta, correlation)
        : await prepareSpending(deps, nothing, agent, { ...delta, measured: delta.cost });
      const value = { tokens, cost, to } satisfies UsageRecord;
      return { ...mergeUpdates([{ put: [{ key, value, expires: RETENTION_MS }] }, update]), result: true };
    });
    if (isCounted) counted += 1;
  }
  return counted;
}

/** The task on which the agent's timers ran longest in a period; undefined when none ran. */
async function findTaskAt(deps: Deps, agent: string, from: Ms, to: Ms): Promise<Task | undefined> {
  let best = { item: "", ms: 0 };
  for await (const page of readAllTimes(deps, await deps.store.now()))
    for (const { item, entries } of page) {
      const own = entries.filter((entry) => entry.agent === agent);
      const parts = own.map((entry) => Math.min(entry.to ?? entry.from + entry.ms, to) - Math.max(entry.from, from));
      const ms = parts.reduce((sum, part) => sum + Math.max(0, part), 0);
      if (ms > best.ms) best = { item, ms };
    }
  return best.item === "" ? undefined : findStoredTask(deps, best.item);
}

/**
 * Observes the runs of started agents that have ended since the last look, by the ledger of OpenClaw 2026.9. What it
 * has when it is seen for the first time is not counted, because nobody knows whether that was before.
 */
async function observeSpawned({ store, metrics }: Deps, answer: unknown): Promise<number> {
  const { data: ledger } = spawnedRunsSchema.safeParse(answer);
  if (!ledger) return 0;
  const [seen] = await store.read<SpawnedRecord>([SPAWNED_KEY]);
  const ended = ledger.spawned.filter(({ endedAt }) => endedAt);
  const until = Math.max(0, ...ended.map(({ endedAt }) => endedAt ?? 0));
  const fresh = ended.filter(({ endedAt }) => seen && (endedAt ?? 0) > seen.value.until);
  for (const { isFailed, createdAt, startedAt, endedAt } of fresh) {
    const outcome = isFailed ? "failed" : "ok";
    const ms = (endedAt ?? 0) - (startedAt ?? createdAt);
    metrics.observe("groundcrew_spawned_run_duration_seconds", ms / SECOND, { outcome });
  }
  if (!seen || until > seen.value.until)
    await store.commit({ put: [{ key: SPAWNED_KEY, value: { until } satisfies SpawnedRecord }] });
  return fresh.length;
}

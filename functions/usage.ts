/** What a gateway says its sessions have used: read from the one on this machine, or posted by another. */

import { Hono } from "hono";
import { z } from "zod";
import type { Deps, Route, Tick } from "../shared/app/deps.ts";
import { getOpenclawId } from "../shared/config/settings.ts";
import { spawnedRunsSchema } from "../shared/gateway-tasks.ts";
import { createJsonReader } from "../shared/http/limits.ts";
import type { StoreKey } from "../shared/store/port.ts";
import { recordSessionUsage } from "../shared/tasks/gateway-usage.ts";
import { type LastCallRecord, wakeKeys } from "../shared/tasks/wakes.ts";
import { MINUTE, type Ms, SECOND } from "../shared/time.ts";

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

/** The end of the last run that was observed, by OpenClaw's clock. */
interface SpawnedRecord {
  until: Ms;
}

const SPAWNED_KEY: StoreKey = "usage:spawned-until";

/** Time after an agent's last call in which its gateway is asked: 20 min. */
const RECENT_MS: Ms = 20 * MINUTE;

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

async function countUsage(deps: Deps, { sessions }: z.output<typeof usageSchema>, correlation: string) {
  const agents = new Map(deps.settings.agents.map((agent) => [getOpenclawId(agent), agent.name]));
  const known = sessions.flatMap(({ agentId, sessionId: session, usage }) => {
    const agent = agents.get(agentId);
    if (agent === undefined || !usage) return [];
    const { totalTokens: tokens, totalCost: cost, firstActivity: from, lastActivity: to } = usage;
    return [{ agent, session, tokens, cost, from, to }];
  });
  return recordSessionUsage(deps, known, correlation);
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

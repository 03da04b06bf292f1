import { describe, expect, onTestFinished, test } from "vitest";
import { CREW, hasCaddy, startCaddy } from "../caddy/start-caddy.ts";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { hasSentinel, startSentinels } from "../support/sentinel-server.ts";
import { findDuplicated, findMissing, findUnexpected, readCompletions } from "./completions.ts";
import { IS_FULL_RUN, pickSize } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators, toItemKey } from "./simulators.ts";
import { type SpawnedRuntime, spawnRuntime } from "./spawned-runtime.ts";

const LIMIT_MS = 240_000;
const CONFIG = { notifications: [{ events: ["completed"] }] };

/** Two processes of Groundcrew on one Redis behind a real Caddy, and items whose webhooks are all that tells of them. */
async function startTwo(store: string) {
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const project = simulators.addProject();
  const items = simulators.addItems(project, pickSize(600, 80));
  simulators.addItems(project, 1, "Left open");
  simulators.takeWebhookBodies();
  const env = { ...simulators.env, PUBLIC_URL: `https://${CREW}`, TRUSTED_PROXIES: "127.0.0.1/32" };
  const start = () => spawnRuntime({ env, config: CONFIG, store, childOptions: { burst: 0, ttl: 4_000 } });
  const runtimes: [SpawnedRuntime, SpawnedRuntime] = [await start(), await start()];
  // Afterwards no poll repairs a webhook that was lost.
  await runtimes[0].poll();
  for (const runtime of runtimes) await runtime.kill();
  for (const runtime of runtimes) await runtime.start({ poll: false });
  const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: runtimes.map(({ url }) => new URL(url).host).join(" ") });
  const answers = { first: 0, repeated: 0, other: [] as (number | undefined)[] };

  /** Delivers as Plane does: every answer counts as delivered, and a connection that broke is repeated. */
  async function deliver(body: string): Promise<void> {
    const request = { host: CREW, path: "/webhooks/plane", method: "POST", body };
    for (let attempt = 1; ; attempt += 1) {
      const answer = await caddy.send({ ...request, headers: simulators.createDeliveryHeaders(body) });
      if (answer?.status === 200) answers[attempt === 1 ? "first" : "repeated"] += 1;
      else if (answer) answers.other.push(answer.status);
      if (answer) return;
    }
  }

  /** Completes every item and delivers its webhook, four at a time; `at` runs once a quarter, half … is done. */
  async function completeAll(at: (quarter: number) => Promise<void>): Promise<void> {
    const waiting = [...items];
    let [changing, quarter] = [Promise.resolve(), 0];
    const lane = async () => {
      for (let item = waiting.pop(); item; item = waiting.pop()) {
        simulators.plane.editItem(item, { state: "Done" });
        for (const body of simulators.takeWebhookBodies()) await deliver(body);
        if (waiting.length > items.length * (1 - (quarter + 1) / 4)) continue;
        quarter += 1;
        const current = quarter;
        changing = changing.then(() => at(current));
      }
    };
    await Promise.all(Array.from({ length: 4 }, lane));
    await changing;
    await runtimes[0].waitUntilIdle(120_000);
  }

  function readResult() {
    const completions = readCompletions(simulators.telegram, SIMULATED_CHAT);
    const wanted = items.map((item) => toItemKey(project, item));
    return {
      lost: findMissing(completions, wanted),
      doubled: findDuplicated(completions),
      unexpected: findUnexpected(completions, wanted),
      other: answers.other,
    };
  }
  return { runtimes, completeAll, readResult, answers };
}

const NOTHING_WRONG = { lost: [], doubled: [], unexpected: [], other: [] };

describe.skipIf(!hasRedisServer() || !hasCaddy())("reliability 50: two processes on one Redis behind Caddy", () => {
  test(
    "each is killed under load: no webhook gets another answer than 200, and nothing is lost or doubled unmarked",
    async () => {
      const redis = await startRedis({ appendonly: "yes" });
      onTestFinished(() => redis.stop());
      const { runtimes, completeAll, readResult, answers } = await startTwo(redis.url);
      await completeAll(async (quarter) => {
        const victim = quarter % 2 === 0 ? runtimes[0] : runtimes[1];
        await victim.kill();
        await victim.start({ poll: false });
      });
      console.info("killed behind Caddy:", JSON.stringify(answers));
      expect(readResult()).toEqual(NOTHING_WRONG);
    },
    LIMIT_MS,
  );

  test.runIf(IS_FULL_RUN)(
    "a change of version, one process after the other, loses nothing and doubles nothing unmarked",
    async () => {
      const redis = await startRedis({ appendonly: "yes" });
      onTestFinished(() => redis.stop());
      const { runtimes, completeAll, readResult, answers } = await startTwo(redis.url);
      await completeAll(async (quarter) => {
        const next = quarter <= 2 ? runtimes[quarter - 1] : undefined;
        await next?.kill("SIGTERM");
        await next?.start({ poll: false });
      });
      console.info("changed behind Caddy:", JSON.stringify(answers));
      expect(readResult()).toEqual(NOTHING_WRONG);
    },
    LIMIT_MS,
  );

  // The usual run has a failover of the store alone, in test/runtime/stores/redis-sentinel.test.ts.
  test.runIf(IS_FULL_RUN && hasSentinel())(
    "a failover of Redis Sentinel under load loses nothing that was acknowledged and doubles nothing unmarked",
    async () => {
      const sentinels = await startSentinels();
      onTestFinished(() => sentinels.stop());
      const { completeAll, readResult, answers } = await startTwo(sentinels.url);
      await completeAll(async (quarter) => {
        if (quarter !== 2) return;
        const killed = await sentinels.findPrimary();
        await killed.kill();
        await sentinels.waitForFailover(killed);
      });
      console.info("failover behind Caddy:", JSON.stringify(answers));
      expect(readResult()).toEqual(NOTHING_WRONG);
    },
    LIMIT_MS,
  );
});

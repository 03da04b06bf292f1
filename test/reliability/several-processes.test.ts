import { describe, expect, onTestFinished, test } from "vitest";
import { CREW, hasCaddy, startCaddy } from "../caddy/start-caddy.ts";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { hasSentinel, startSentinels } from "../support/sentinel-server.ts";
import { findFaults, NO_FAULTS } from "./completions.ts";
import { IS_FULL_RUN, pickSize } from "./random-source.ts";
import { type SpawnedRuntime, spawnRuntime, spawnWithItems } from "./spawned-runtime.ts";

/**
 * Two processes of Groundcrew on one Redis behind a real Caddy, with items whose webhooks are all that tells of them.
 * Completes every item and delivers its webhook; `at` runs once a quarter, half … is done.
 */
async function completeAll(store: string, at: (quarter: number, runtimes: readonly SpawnedRuntime[]) => Promise<void>) {
  const env = { PUBLIC_URL: `https://${CREW}`, TRUSTED_PROXIES: "127.0.0.1/32" };
  const options = { store, childOptions: { burst: 0, ttl: 4_000, poll: false } };
  const { simulators, items, keys, runtime } = await spawnWithItems(pickSize(600, 40), {
    ...{ ...options, env, childOptions: { ttl: 4_000 } },
  });
  await runtime.kill();
  // Afterwards no poll repairs a webhook that was lost.
  await runtime.start(options.childOptions);
  const config = { notifications: [{ events: ["completed"] }] };
  const runtimes = [runtime, await spawnRuntime({ ...options, config, env: { ...simulators.env, ...env } })];
  const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: runtimes.map(({ url }) => new URL(url).host).join(" ") });
  const others: (number | undefined)[] = [];

  /** Delivers as Plane does: every answer counts as delivered, and a connection that broke is repeated. */
  async function deliver(body: string): Promise<void> {
    const request = { host: CREW, path: "/webhooks/plane", method: "POST", body };
    for (;;) {
      const answer = await caddy.send({ ...request, headers: simulators.createDeliveryHeaders(body) });
      if (answer && answer.status !== 200) others.push(answer.status);
      if (answer) return;
    }
  }
  const waiting = [...items];
  let [changing, quarter] = [Promise.resolve(), 0];
  const lane = async () => {
    for (let item = waiting.pop(); item; item = waiting.pop()) {
      simulators.plane.editItem(item, { state: "Done" });
      for (const body of simulators.takeWebhookBodies()) await deliver(body);
      if (waiting.length > items.length * (1 - (quarter + 1) / 4)) continue;
      quarter += 1;
      const current = quarter;
      changing = changing.then(() => at(current, runtimes));
    }
  };
  await Promise.all(Array.from({ length: 4 }, lane));
  await changing;
  await runtime.waitUntilIdle(120_000);
  expect({ ...findFaults(simulators.telegram, keys), others }).toEqual({ ...NO_FAULTS, others: [] });
}

describe.skipIf(!hasRedisServer() || !hasCaddy())("reliability 50: two processes on one Redis behind Caddy", () => {
  test("each is killed under load: no webhook gets another answer than 200, and nothing is lost or doubled unmarked", async () => {
    const redis = await startRedis({ appendonly: "yes" });
    onTestFinished(() => redis.stop());
    await completeAll(redis.url, async (quarter, runtimes) => {
      const victim = runtimes[quarter % 2];
      await victim?.kill();
      await victim?.start({ poll: false });
    });
  }, 240_000);

  test("a change of version, one process after the other, loses nothing and doubles nothing unmarked", async (context) => {
    context.skip(!IS_FULL_RUN);
    const redis = await startRedis({ appendonly: "yes" });
    onTestFinished(() => redis.stop());
    await completeAll(redis.url, async (quarter, runtimes) => {
      const next = quarter <= 2 ? runtimes[quarter - 1] : undefined;
      await next?.kill("SIGTERM");
      await next?.start({ poll: false });
    });
  }, 240_000);

  // The usual run has a failover of the store alone, in test/runtime/stores/redis-sentinel.test.ts.
  test("a failover of Redis Sentinel under load loses and doubles nothing", async (context) => {
    context.skip(!(IS_FULL_RUN && hasSentinel()));
    const sentinels = await startSentinels();
    onTestFinished(() => sentinels.stop());
    await completeAll(sentinels.url, async (quarter) => {
      if (quarter !== 2) return;
      const killed = await sentinels.findPrimary();
      await killed.kill();
      await sentinels.waitForFailover(killed);
    });
  }, 240_000);
});

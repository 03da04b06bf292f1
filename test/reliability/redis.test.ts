import { expect, onTestFinished, test } from "vitest";
import { formatWebhookHead, openConnection } from "../support/raw-connection.ts";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { findFaults, NO_FAULTS } from "./completions.ts";
import { pickSize } from "./random-source.ts";
import { spawnWithItems } from "./spawned-runtime.ts";

test("reliability 4, reliability 10: while Redis is down a webhook's connection is broken without an answer, and with Redis killed and restarted under load everything arrives once", async (context) => {
  context.skip(!hasRedisServer());
  const redis = await startRedis({ appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction" });
  onTestFinished(() => redis.stop());
  const options = { store: redis.url, childOptions: { ttl: 4_000 } };
  const { simulators, items, keys, runtime } = await spawnWithItems(pickSize(600, 60), options);
  // No poll repairs a lost webhook.
  await runtime.kill();
  await runtime.start({ poll: false });
  const answers = { kept: 0, broken: 0, other: 0 };

  /** Sends a webhook over a raw connection; undefined when the connection ended without a single byte. */
  async function send(body: string): Promise<number | undefined> {
    const { socket, ended } = await openConnection(runtime.url);
    const length = String(Buffer.byteLength(body));
    const headers = { ...simulators.createDeliveryHeaders(body), "content-length": length, connection: "close" };
    socket.write(formatWebhookHead(headers) + body);
    const { status } = await ended;
    answers[status === 200 ? "kept" : status === undefined ? "broken" : "other"] += 1;
    return status;
  }

  let restarting = Promise.resolve();
  const restart = async () => {
    await redis.kill();
    await send("{}");
    await redis.start();
  };
  const waiting = [...items];
  const lane = async () => {
    for (let item = waiting.pop(); item; item = waiting.pop()) {
      simulators.plane.editItem(item, { state: "Done" });
      // Plane repeats a delivery whose connection broke.
      for (const body of simulators.takeWebhookBodies()) while ((await send(body)) === undefined);
      if (waiting.length % Math.floor(items.length / 4) === 0) restarting = restarting.then(restart);
    }
  };
  await Promise.all(Array.from({ length: 6 }, lane));
  await restarting;
  // The store counts as sound again after two probes.
  for (let probes = 0; probes < 2; probes += 1) await runtime.request("/ticks/store", { method: "POST" });
  await runtime.waitUntilIdle();
  expect(findFaults(simulators.telegram, keys)).toEqual(NO_FAULTS);
  expect(answers.other).toBe(0);
  expect(answers.broken).toBeGreaterThan(0);
}, 240_000);

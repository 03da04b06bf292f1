import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { readCompletions } from "./completions.ts";
import { IS_FULL_RUN } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators } from "./simulators.ts";
import { type SpawnedRuntime, spawnRuntime } from "./spawned-runtime.ts";

/** The rule needs to know whether the actor is an agent, so it needs the actor's address, which no webhook contains. */
const CONFIG = {
  agents: [{ name: "Thot", email: "thot@example.com" }],
  notifications: [{ events: ["completed"], by: "people" }],
};
const LIMIT_MS = 120_000;

/** A runtime that has read the workspace, and the webhook of a completion by Ada that nobody has received yet. */
async function createCompletion(store?: string) {
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane } = simulators;
  const project = simulators.addProject();
  const [item] = simulators.addItems(project, 1);
  simulators.addItems(project, 1, "Left open");
  simulators.takeWebhookBodies();
  const common = { env: simulators.env, config: CONFIG, childOptions: { burst: 0, ttl: 2_000 } };
  const runtime = await spawnRuntime({ ...common, ...(store ? { store } : {}) });
  await runtime.poll();
  await runtime.waitUntilIdle();
  await runtime.kill();
  plane.editItem(item ?? "", { state: "Done" });
  const [body = ""] = simulators.takeWebhookBodies();
  return { simulators, plane, runtime, body };
}

/** Stores the webhook, and ends at once, as by `kill -9`. */
async function acceptAndCrash(runtime: SpawnedRuntime, headers: Record<string, string>, body: string) {
  await runtime.start({ poll: false, crash: { step: "after the webhook is stored", nth: 1 } });
  await runtime.request("/webhooks/plane", { method: "POST", headers, body }).catch(() => undefined);
  await runtime.waitForExit();
}

async function expectNotifiedWhilePlaneIsDown(store?: string) {
  const { simulators, plane, runtime, body } = await createCompletion(store);
  await acceptAndCrash(runtime, simulators.createDeliveryHeaders(body), body);
  await plane.takeDown();
  await runtime.start();
  const readNotified = () => [...readCompletions(simulators.telegram, SIMULATED_CHAT).named];
  await expect.poll(readNotified, { timeout: 30_000 }).toEqual([["ONB-1", { times: 1, marked: 0 }]]);
  return { simulators, plane, runtime };
}

test(
  "a webhook that was accepted before a crash is reported while Plane is down, with names from the folder of the store",
  async () => {
    const { plane, runtime } = await expectNotifiedWhilePlaneIsDown();
    const folder = join(runtime.folder, "data", "names");
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "utf8")).join("\n")).not.toMatch(
      /plane_api_|1000:|token/,
    );

    // Plane is back: the names that were used are read again.
    const before = plane.ledger.requests.length;
    await plane.bringUp();
    expect((await runtime.poll()).status).toBe(200);
    const paths = plane.ledger.requests.slice(before).map(({ path }) => path.split("?")[0]);
    expect(paths.filter((path) => path?.endsWith("/members/"))).toHaveLength(1);
    const after = plane.ledger.requests.length;
    await runtime.poll();
    expect(plane.ledger.requests.slice(after).filter(({ path }) => path.includes("/members/"))).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "broken names beside the store are ignored and read again from Plane",
  async () => {
    const { simulators, runtime, body } = await createCompletion();
    const people = join(runtime.folder, "data", "names", "person");
    const readPeople = () => readdirSync(people).map((name) => readFileSync(join(people, name), "utf8"));
    const stored = readPeople();
    expect(stored.join()).toContain('"ada"');
    for (const name of readdirSync(people)) writeFileSync(join(people, name), '{"name": 7, "__proto__": {"x"');
    await runtime.start({ poll: false });
    await runtime.request("/webhooks/plane", {
      method: "POST",
      headers: simulators.createDeliveryHeaders(body),
      body,
    });
    const readNotified = () => [...readCompletions(simulators.telegram, SIMULATED_CHAT).named.keys()];
    await expect.poll(readNotified, { timeout: 30_000 }).toEqual(["ONB-1"]);
    expect(readPeople()).toEqual(stored);
  },
  LIMIT_MS,
);

describe.skipIf(!hasRedisServer())("with Redis", () => {
  test.runIf(IS_FULL_RUN)(
    "a webhook that was accepted before a crash is reported while Plane is down, with names from Redis",
    async () => {
      const redis = await startRedis();
      onTestFinished(() => redis.stop());
      await expectNotifiedWhilePlaneIsDown(redis.url);
      const client = new Redis(redis.url);
      expect((await client.keys("groundcrew:names:person:*")).length).toBeGreaterThan(0);
      client.disconnect();
    },
    LIMIT_MS,
  );
});

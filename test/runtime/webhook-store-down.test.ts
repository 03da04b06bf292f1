import { expect, onTestFinished, test } from "vitest";
import { manifest } from "../../functions/index.ts";
import { openStore } from "../../runtime/stores/open-store.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import type { Store } from "../../shared/store/port.ts";
import { formatWebhookHead, openConnection } from "../support/raw-connection.ts";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { postWebhook, startTestRuntime } from "../support/test-runtime.ts";
import { createWebhookHeaders, SHORT_DELIVERY } from "../support/webhook-signature.ts";

/** Creates a memory store whose commits fail while its mode is `fails`. */
function createFailingStore() {
  const real = createMemoryStore({ clock: Date.now });
  let mode: "works" | "fails" = "works";
  const store: Store = {
    ...real,
    commit: (commit) =>
      mode === "fails" ? Promise.reject(new Error("ECONNREFUSED 127.0.0.1:6379")) : real.commit(commit),
  };
  return {
    store,
    setMode(next: typeof mode) {
      mode = next;
    },
  };
}

test("reliability 4: while the store is down, a delivery's connection is closed without a response; every repeated delivery is stored afterwards", async () => {
  const { store, setMode } = createFailingStore();
  const runtime = await startTestRuntime({ store });
  await expect.poll(() => runtime.polls.length).toBe(1);
  setMode("fails");
  const bodies = Array.from({ length: 10 }, (_, i) => JSON.stringify({ event: "issue", data: { id: `item-${i}` } }));
  for (const body of bodies) {
    const raw = await openConnection(runtime.url);
    raw.socket.write(formatWebhookHead({ ...createWebhookHeaders(body), "content-length": `${body.length}` }) + body);
    expect(await raw.ended).toEqual({ text: "" });
  }
  expect(
    runtime.lines.filter((line) => line["level"] === "warn" && line["message"] === "webhook not stored"),
  ).toHaveLength(10);
  await expect.poll(() => runtime.polls.length).toBeGreaterThan(1);
  setMode("works");
  for (const body of bodies) expect((await postWebhook(runtime.url, body)).status).toBe(200);
  expect((await store.stats()).queues.inbox.pending).toBe(10);
});

test("reliability 4: while the store is down, a client of the webhook receives no status", async () => {
  const { store, setMode } = createFailingStore();
  const { url } = await startTestRuntime({ store });
  setMode("fails");
  await expect(postWebhook(url, SHORT_DELIVERY)).rejects.toThrow("fetch failed");
});

test.skipIf(!hasRedisServer())(
  "reliability 4: while Redis does not respond, a delivery's connection is closed after the timeout of its answer",
  async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const store = await openStore(redis.url, { prefix: "t" });
    onTestFinished(() => store.close());
    const { url } = await startTestRuntime({ store });
    redis.freeze();
    await expect(postWebhook(url, SHORT_DELIVERY)).rejects.toThrow("fetch failed");
  },
);

test("reliability 4: after a delivery that could not be stored, the requested poll is repeated until one succeeds", async () => {
  const { store, setMode } = createFailingStore();
  const outcomes: string[] = [];
  const poll = {
    name: "poll",
    cron: () => "0 0 1 1 *",
    run: async () => {
      outcomes.push(outcomes.length < 4 ? "failed" : "ok");
      if (outcomes.length < 5) throw new Error("Plane is down");
      return {};
    },
  };
  const { url } = await startTestRuntime({
    store,
    manifest: {
      routes: manifest.routes,
      ticks: [poll],
      jobHandlers: [],
      ruleSets: () => [],
      requestKinds: {},
    },
  });
  setMode("fails");
  await expect(postWebhook(url, SHORT_DELIVERY)).rejects.toThrow();
  await expect.poll(() => outcomes.at(-1)).toBe("ok");
});

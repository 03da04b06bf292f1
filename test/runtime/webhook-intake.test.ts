import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { manifest } from "../../functions/index.ts";
import { openStore } from "../../runtime/stores/open-store.ts";
import { createMemoryStore } from "../../shared/store/memory/memory-store.ts";
import type { Store } from "../../shared/store/port.ts";
import { formatChunk, formatRequestHead, openConnection } from "../support/raw-connection.ts";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { postWebhook, startTestRuntime } from "../support/test-runtime.ts";
import { createWebhookHeaders } from "../support/webhook-signature.ts";

const FULL = process.env["FULL"] !== undefined;
const BODY = JSON.stringify({ event: "issue", action: "updated", data: { id: "525a36c6" } });

function formatWebhookHead(headers: Record<string, string>) {
  return formatRequestHead("POST", "/webhooks/plane", headers);
}

/** Wraps a store so that the test decides whether its commits fail. */
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

test("While the store is down (reliability 4): a webhook's connection is broken without a response, and everything arrives when the store is back", async () => {
  const { store, setMode } = createFailingStore();
  const runtime = await startTestRuntime({ store });
  await expect.poll(() => runtime.asked.length).toBe(1);
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
  await expect.poll(() => runtime.asked.length).toBeGreaterThan(1);
  setMode("works");
  for (const body of bodies) expect((await postWebhook(runtime.url, body)).status).toBe(200);
  expect((await store.stats()).queues.inbox.pending).toBe(10);
});

test("While the store is down (reliability 4): a client gets no status, as Plane would", async () => {
  const { store, setMode } = createFailingStore();
  const { url } = await startTestRuntime({ store });
  setMode("fails");
  await expect(postWebhook(url, BODY)).rejects.toThrow("fetch failed");
});

test.skipIf(!hasRedisServer())(
  "While the store is down (reliability 4): a Redis that does not answer breaks a webhook's connection within 5 s",
  async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const store = await openStore(redis.url, { prefix: "t" });
    onTestFinished(() => store.close());
    const { url } = await startTestRuntime({ store });
    redis.freeze();
    const before = performance.now();
    await expect(postWebhook(url, BODY)).rejects.toThrow("fetch failed");
    expect(performance.now() - before).toBeLessThan(5_000);
  },
);

test("While the store is down (reliability 4): a requested poll that fails is repeated until one succeeds", async () => {
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
    },
  });
  setMode("fails");
  await expect(postWebhook(url, BODY)).rejects.toThrow();
  await expect.poll(() => outcomes.at(-1)).toBe("ok");
});

test("A webhook's body (reliability 16) over the limit, sent in chunks without a length, is refused with 413 and not read further", async () => {
  const { url, store } = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "65536" } });
  const raw = await openConnection(url);
  raw.socket.write(formatWebhookHead({ ...createWebhookHeaders(BODY), "transfer-encoding": "chunked" }));
  let written = 0;
  const answered = new Promise<void>((resolve) => raw.socket.once("data", () => resolve()));
  const piece = formatChunk("x".repeat(16_384));
  while (written < 5) {
    raw.socket.write(piece);
    written += 1;
  }
  await answered;
  const { status, text } = await raw.ended;
  expect(status).toBe(413);
  expect(text).toContain('"code":"too_large"');
  expect((await store.stats()).queues.inbox.pending).toBe(0);
});

test("A webhook's body (reliability 16) whose sender disconnects is not stored, and the next one is", async () => {
  const { url, store, lines } = await startTestRuntime();
  const raw = await openConnection(url);
  raw.socket.write(formatWebhookHead({ ...createWebhookHeaders(BODY), "content-length": "5000" }) + BODY);
  raw.socket.destroy();
  await raw.ended;
  await expect.poll(() => lines.some((line) => line["status"] === "no answer")).toBe(true);
  expect((await postWebhook(url, BODY)).status).toBe(200);
  expect((await store.stats()).queues.inbox.pending).toBe(1);
});

test("A webhook's body (reliability 16) of more than 256 KiB is read four at a time; the connection of a fifth is broken, and small bodies pass", async () => {
  const { url } = await startTestRuntime();
  const big = JSON.stringify({ text: "x".repeat(600 * 1024) });
  const half = big.slice(0, 400 * 1024);
  const slow = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const raw = await openConnection(url);
      await new Promise<void>((resolve) => {
        raw.socket.write(
          formatWebhookHead({ ...createWebhookHeaders(big), "content-length": `${big.length}` }) + half,
          () => resolve(),
        );
      });
      return raw;
    }),
  );
  await expect
    .poll(() =>
      postWebhook(url, big).then(
        (r) => r.status,
        () => "broken",
      ),
    )
    .toBe("broken");
  expect((await postWebhook(url, BODY)).status).toBe(200);
  const answers = slow.map(({ socket }) => {
    const answered = new Promise<Buffer>((resolve) => socket.once("data", resolve));
    socket.write(big.slice(half.length));
    return answered;
  });
  for (const answer of await Promise.all(answers)) expect(answer.toString()).toContain("200 OK");
  for (const { socket } of slow) socket.destroy();
  expect((await postWebhook(url, big)).status).toBe(200);
});

/** Begins a large body of a source behind the trusted proxy and never ends it. */
async function beginLargeBody(url: string, source: string) {
  const raw = await openConnection(url);
  onTestFinished(() => void raw.socket.destroy());
  const headers = { ...createWebhookHeaders("{}", "not the secret"), "x-forwarded-for": source };
  const head = formatWebhookHead({ ...headers, "content-length": `${600 * 1024}` });
  await new Promise<void>((resolve) => raw.socket.write(head + "x".repeat(400 * 1024), () => resolve()));
  return raw;
}

test("A webhook's body (reliability 16) of more than 256 KiB is read while strangers elsewhere hold as many places as they get", async () => {
  const { url } = await startTestRuntime({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
  const strangers = Array.from({ length: 30 }, (_, i) => `203.0.113.${i % 6}`);
  for (const source of strangers) await beginLargeBody(url, source);
  const big = JSON.stringify({ text: "x".repeat(600 * 1024) });
  const fromPlane = { ...createWebhookHeaders(big), "x-forwarded-for": "198.51.100.1" };
  for (let i = 0; i < 5; i += 1) expect((await postWebhook(url, big, fromPlane)).status).toBe(200);
});

test("A webhook's body (reliability 16) of more than 256 KiB is refused before it is read when its source is over its limit, and small ones pass", async () => {
  const { url } = await startTestRuntime();
  const forged = createWebhookHeaders(BODY, "not the secret");
  for (let i = 0; i < 100; i++) expect((await postWebhook(url, BODY, forged)).status).toBe(401);
  const announced = await openConnection(url);
  announced.socket.write(formatWebhookHead({ ...forged, "content-length": `${600 * 1024}` }));
  const [answer] = await once(announced.socket, "data");
  expect(String(answer)).toMatch(/^HTTP\/1\.1 429 [\s\S]*retry-after: 60/i);
  announced.socket.destroy();
  const chunked = await openConnection(url);
  chunked.socket.write(formatWebhookHead({ ...forged, "transfer-encoding": "chunked" }));
  chunked.socket.write(formatChunk("x".repeat(300 * 1024)));
  const [chunkedAnswer] = await once(chunked.socket, "data");
  expect(String(chunkedAnswer)).toMatch(/^HTTP\/1\.1 429 /);
  chunked.socket.destroy();
  expect((await postWebhook(url, BODY)).status).toBe(200);
});

/** Starts slow senders in a separate process, as in reality. */
async function startSlowSenders(url: string, part: "body" | "head") {
  const child = spawn(process.execPath, ["test/runtime/slow-senders.ts", url, "500", part], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe("ready");
  return async () => (await lines.next()).value;
}

/**
 * Limit of a delivery in ms. The requirement is 500 ms, which the full run checks; otherwise the limit allows for a loaded
 * machine, but stays far below the 20 s for which slow senders could occupy a slot that a delivery waits for.
 */
const DELIVERY_LIMIT_MS = FULL ? 500 : 5_000;

async function measureSlowest(deliveries: number, url: string): Promise<number> {
  const delays: number[] = [];
  for (let i = 0; i < deliveries; i++) {
    const body = JSON.stringify({ event: "issue", data: { id: `${i}` }, description: "x".repeat(8_000) });
    const startedAt = performance.now();
    expect((await postWebhook(url, body)).status).toBe(200);
    delays.push(performance.now() - startedAt);
  }
  return Math.max(...delays);
}

test("500 slow senders (reliability 16) of bodies do not delay real deliveries, and get no response in the end", {
  timeout: 60_000,
}, async () => {
  const { url } = await startTestRuntime();
  const ended = await startSlowSenders(url, "body");
  expect(await measureSlowest(FULL ? 2_000 : 100, url)).toBeLessThan(DELIVERY_LIMIT_MS);
  if (FULL) expect(await ended()).toBe("ended 0");
});

test("500 slow senders (reliability 16) of headers do not delay real deliveries", {
  timeout: 60_000,
}, async () => {
  const { url } = await startTestRuntime();
  const ended = await startSlowSenders(url, "head");
  expect(await measureSlowest(FULL ? 2_000 : 100, url)).toBeLessThan(DELIVERY_LIMIT_MS);
  if (FULL) expect(await ended()).toBe("ended 0");
});

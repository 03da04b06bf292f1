import { once } from "node:events";
import { expect, test } from "vitest";
import { manifest } from "../../functions/index.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import type { Store } from "../../shared/store/port.ts";
import { IS_FULL_RUN, pickSize } from "../reliability/random-source.ts";
import { startProgram } from "../support/program.ts";
import { formatChunk, formatWebhookHead, openConnection } from "../support/raw-connection.ts";
import { postWebhook, startTestRuntime } from "../support/test-runtime.ts";
import { createWebhookHeaders, SHORT_DELIVERY } from "../support/webhook-signature.ts";

test("reliability 16: a chunked body over the limit is refused with 413 and not read further", async () => {
  const { url, store } = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "65536" } });
  const raw = await openConnection(url);
  raw.socket.write(formatWebhookHead({ ...createWebhookHeaders(SHORT_DELIVERY), "transfer-encoding": "chunked" }));
  for (let written = 0; written < 5; written += 1) raw.socket.write(formatChunk("x".repeat(16_384)));
  const { status, text } = await raw.ended;
  expect(status).toBe(413);
  expect(text).toContain('"code":"too_large"');
  expect((await store.stats()).queues.inbox.pending).toBe(0);
});

test("reliability 16: of bodies over 256 KiB four are read at a time; the connection of a fifth is closed, and small bodies are accepted", async () => {
  const { url } = await startTestRuntime();
  const big = JSON.stringify({ text: "x".repeat(600 * 1024) });
  const half = big.slice(0, 400 * 1024);
  const head = formatWebhookHead({ ...createWebhookHeaders(big), "content-length": `${big.length}` });
  const slow = await Promise.all(Array.from({ length: 4 }, () => openConnection(url)));
  await Promise.all(slow.map(({ socket }) => new Promise<void>((done) => socket.write(head + half, () => done()))));
  const post = async () => (await postWebhook(url, big).catch(() => undefined))?.status ?? "broken";
  await expect.poll(post).toBe("broken");
  expect((await postWebhook(url, SHORT_DELIVERY)).status).toBe(200);
  const answers = slow.map(({ socket }) => {
    const answered = once(socket, "data");
    socket.write(big.slice(half.length));
    return answered;
  });
  for (const [answer] of await Promise.all(answers)) expect(String(answer)).toContain("200 OK");
  for (const { socket } of slow) socket.destroy();
  expect(await post()).toBe(200);
});

/** Limit of a delivery in the full run, which measures on a machine without other load: 500 ms. */
const DELIVERY_LIMIT_MS = 500;

test.each(pickSize(["head", "body"], ["body"]))(
  "reliability 16: 500 slow senders of a request's %s do not delay real deliveries, and receive no response",
  async (part) => {
    const { url } = await startTestRuntime();
    // In a process of their own, as in reality.
    const { output, ended } = startProgram([process.execPath, "test/runtime/slow-senders.ts", url, "500", part]);
    await expect.poll(() => output.out).toBe("ready\n");
    let slowest = 0;
    for (let i = 0; i < pickSize(2_000, 50); i++) {
      const body = JSON.stringify({ event: "issue", data: { id: `${i}` }, description: "x".repeat(8_000) });
      const startedAt = performance.now();
      expect((await postWebhook(url, body)).status).toBe(200);
      slowest = Math.max(slowest, performance.now() - startedAt);
    }
    // A delivery that waits for a slow sender would be answered only after the senders have ended.
    if (!IS_FULL_RUN) return expect(output.out).toBe("ready\n");
    expect(slowest).toBeLessThan(DELIVERY_LIMIT_MS);
    expect((await ended).out).toBe("ready\nended 0\n");
  },
);

test("reliability 4: while the store is down, a delivery's connection is closed without a response; afterwards each is stored, and the requested poll is repeated until one succeeds", async () => {
  const real = createMemoryStore({ clock: Date.now });
  let isDown = false;
  const fail = () => Promise.reject(new Error("ECONNREFUSED 127.0.0.1:6379"));
  const store: Store = { ...real, commit: (commit) => (isDown ? fail() : real.commit(commit)) };
  const outcomes: string[] = [];
  const run = async () => {
    outcomes.push(outcomes.length < 4 ? "failed" : "ok");
    if (outcomes.length < 5) throw new Error("Plane is down");
    return {};
  };
  const nothing = { jobHandlers: [], ruleSets: () => [], requestKinds: {}, routes: manifest.routes };
  const ticks = [{ name: "poll", cron: () => "0 0 1 1 *", run }];
  const { url, lines } = await startTestRuntime({ store, manifest: { ...nothing, ticks } });
  isDown = true;
  const bodies = Array.from({ length: 10 }, (_, i) => JSON.stringify({ event: "issue", data: { id: `item-${i}` } }));
  for (const body of bodies) {
    const raw = await openConnection(url);
    raw.socket.write(formatWebhookHead({ ...createWebhookHeaders(body), "content-length": `${body.length}` }) + body);
    expect(await raw.ended).toEqual({ text: "" });
  }
  expect(lines.filter(({ message }) => message === "webhook not stored")).toHaveLength(10);
  isDown = false;
  for (const body of bodies) expect((await postWebhook(url, body)).status).toBe(200);
  expect((await store.stats()).queues.inbox.pending).toBe(10);
  await expect.poll(() => outcomes.at(-1)).toBe("ok");
});

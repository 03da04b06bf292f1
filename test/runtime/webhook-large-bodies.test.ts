import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { formatChunk, formatWebhookHead, openConnection } from "../support/raw-connection.ts";
import { postWebhook, startTestRuntime } from "../support/test-runtime.ts";
import { createWebhookHeaders, SHORT_DELIVERY } from "../support/webhook-signature.ts";

test("reliability 16: a chunked body over the limit is refused with 413 and not read further", async () => {
  const { url, store } = await startTestRuntime({ env: { WEBHOOK_MAX_BYTES: "65536" } });
  const raw = await openConnection(url);
  raw.socket.write(formatWebhookHead({ ...createWebhookHeaders(SHORT_DELIVERY), "transfer-encoding": "chunked" }));
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

test("reliability 16: a body whose sender disconnects is not stored, and the next one is", async () => {
  const { url, store, lines } = await startTestRuntime();
  const raw = await openConnection(url);
  raw.socket.write(
    formatWebhookHead({ ...createWebhookHeaders(SHORT_DELIVERY), "content-length": "5000" }) + SHORT_DELIVERY,
  );
  raw.socket.destroy();
  await raw.ended;
  await expect.poll(() => lines.some((line) => line["status"] === "no answer")).toBe(true);
  expect((await postWebhook(url, SHORT_DELIVERY)).status).toBe(200);
  expect((await store.stats()).queues.inbox.pending).toBe(1);
});

test("reliability 16: of bodies over 256 KiB four are read at a time; the connection of a fifth is closed, and small bodies are accepted", async () => {
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
  expect((await postWebhook(url, SHORT_DELIVERY)).status).toBe(200);
  const answers = slow.map(({ socket }) => {
    const answered = new Promise<Buffer>((resolve) => socket.once("data", resolve));
    socket.write(big.slice(half.length));
    return answered;
  });
  for (const answer of await Promise.all(answers)) expect(answer.toString()).toContain("200 OK");
  for (const { socket } of slow) socket.destroy();
  expect((await postWebhook(url, big)).status).toBe(200);
});

/** Starts a large delivery of a source behind the trusted proxy and never completes it. */
async function startLargeDelivery(url: string, source: string) {
  const raw = await openConnection(url);
  onTestFinished(() => void raw.socket.destroy());
  const headers = { ...createWebhookHeaders("{}", "not the secret"), "x-forwarded-for": source };
  const head = formatWebhookHead({ ...headers, "content-length": `${600 * 1024}` });
  await new Promise<void>((resolve) => raw.socket.write(head + "x".repeat(400 * 1024), () => resolve()));
  return raw;
}

test("reliability 16: a body over 256 KiB is accepted while other sources occupy all the places that they are given", async () => {
  const { url } = await startTestRuntime({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
  const sources = Array.from({ length: 30 }, (_, i) => `203.0.113.${i % 6}`);
  for (const source of sources) await startLargeDelivery(url, source);
  const big = JSON.stringify({ text: "x".repeat(600 * 1024) });
  const fromPlane = { ...createWebhookHeaders(big), "x-forwarded-for": "198.51.100.1" };
  for (let i = 0; i < 5; i += 1) expect((await postWebhook(url, big, fromPlane)).status).toBe(200);
});

test("reliability 16: a body over 256 KiB is refused unread when its source is over its limit, and small bodies are accepted", async () => {
  const { url } = await startTestRuntime();
  const forged = createWebhookHeaders(SHORT_DELIVERY, "not the secret");
  for (let i = 0; i < 100; i++) expect((await postWebhook(url, SHORT_DELIVERY, forged)).status).toBe(401);
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
  expect((await postWebhook(url, SHORT_DELIVERY)).status).toBe(200);
});

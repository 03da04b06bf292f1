import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { postWebhook, startTestRuntime } from "../support/test-runtime.ts";

const FULL = process.env["FULL"] !== undefined;

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

test("reliability 16: 500 slow senders of bodies do not delay real deliveries, and receive no response", {
  timeout: 60_000,
}, async () => {
  const { url } = await startTestRuntime();
  const ended = await startSlowSenders(url, "body");
  expect(await measureSlowest(FULL ? 2_000 : 100, url)).toBeLessThan(DELIVERY_LIMIT_MS);
  if (FULL) expect(await ended()).toBe("ended 0");
});

test("reliability 16: 500 slow senders of headers do not delay real deliveries", {
  timeout: 60_000,
}, async () => {
  const { url } = await startTestRuntime();
  const ended = await startSlowSenders(url, "head");
  expect(await measureSlowest(FULL ? 2_000 : 100, url)).toBeLessThan(DELIVERY_LIMIT_MS);
  if (FULL) expect(await ended()).toBe("ended 0");
});

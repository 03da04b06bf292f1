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
  const senders = { hasEnded: false, ended: lines.next().then(({ value }) => value) };
  void senders.ended.then(() => {
    senders.hasEnded = true;
  });
  return senders;
}

/** Limit of a delivery in the full run, which measures on a machine without other load: 500 ms. */
const DELIVERY_LIMIT_MS = 500;

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

test.each(["body", "head"] as const)(
  "reliability 16: 500 slow senders of a request's %s do not delay real deliveries, and receive no response",
  async (part) => {
    const { url } = await startTestRuntime();
    const senders = await startSlowSenders(url, part);
    const slowest = await measureSlowest(FULL ? 2_000 : 100, url);
    if (FULL) {
      expect(slowest).toBeLessThan(DELIVERY_LIMIT_MS);
      expect(await senders.ended).toBe("ended 0");
      return;
    }
    // A delivery that waits for a slow sender would be answered only after the senders have ended.
    expect(senders.hasEnded).toBe(false);
  },
  60_000,
);

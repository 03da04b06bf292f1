import { expect, onTestFinished, test } from "vitest";
import { median } from "../../bench/figures.ts";
import { pickSize } from "../reliability/random-source.ts";
import { startProductProcess } from "../support/product-process.ts";
import { formatRequestHead, openConnection } from "../support/raw-connection.ts";
import { postWebhook } from "../support/test-runtime.ts";

/** The largest file that the product serves without a token. */
const LARGE_FILE = "/terminal/assets/xterm.js";
const REQUESTS = 150;
/** Limit of additional memory: 50 MB. The answers together have 52 MB, and what creating them takes comes on top. */
const MEMORY_LIMIT = 50e6;
/**
 * Limit of a webhook's time: 500 ms in the full run, which measures on a machine without other load. Elsewhere the median
 * has this limit, and the slowest one ten times as much.
 */
const DELIVERY_LIMIT_MS = 500;
const SLOWEST_LIMIT_MS = pickSize(DELIVERY_LIMIT_MS, 10 * DELIVERY_LIMIT_MS);

/** Posts signed webhooks one after the other; returns the time of each. */
async function measureDeliveries(url: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let id = 0; id < count; id += 1) {
    const startedAt = performance.now();
    const body = JSON.stringify({ event: "issue", action: "updated", data: { id: `item-${id}` } });
    expect((await postWebhook(url, body)).status).toBe(200);
    times.push(performance.now() - startedAt);
  }
  return times;
}

const ATTACKS: [what: string, connections: number, requests: number][] = [
  [`${REQUESTS} pipelined requests on one connection`, 1, REQUESTS],
  [`one request on each of ${REQUESTS} connections`, REQUESTS, 1],
  [`${REQUESTS} pipelined requests on each of 20 connections`, 20, REQUESTS],
];

/** The full run tries each; the usual one what takes most memory. */
test.each(pickSize(ATTACKS, ATTACKS.slice(-1)))(
  "reliability 16: unread answers to %s occupy little memory and do not delay a signed webhook",
  async (what, connections, requests) => {
    const { url, readMemory } = await startProductProcess();
    await (await fetch(url + LARGE_FILE)).arrayBuffer();
    await measureDeliveries(url, 100);
    const before = readMemory();
    const bytes = formatRequestHead("GET", LARGE_FILE, {}).repeat(requests);
    for (let i = 0; i < connections; i += 1) {
      const { socket } = await openConnection(url);
      onTestFinished(() => void socket.destroy());
      socket.pause().write(bytes);
    }
    const times = await measureDeliveries(url, pickSize(2_000, 150));
    const growth = Math.max(readMemory().peak, before.now) - before.now;
    const [middle, slowest] = [median(times), Math.max(...times)];
    console.info(what, "bytes and milliseconds:", growth, middle, slowest);
    expect(growth).toBeLessThan(MEMORY_LIMIT);
    expect(middle).toBeLessThan(DELIVERY_LIMIT_MS);
    expect(slowest).toBeLessThan(SLOWEST_LIMIT_MS);
  },
  120_000,
);

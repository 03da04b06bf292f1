import { z } from "zod";
import { createBenchFolder } from "./bench-folder.ts";
import { startChild } from "./child.ts";
import { formatCount, formatMib, formatMs, median } from "./figures.ts";
import { fillWorkspace, startSimulators } from "./simulators.ts";
import { type StartedProduct, startWithNpm } from "./start-product.ts";
import type { BenchLine } from "./table.ts";
import { sleep } from "./wait.ts";
import { createWebhookTemplate } from "./webhook-template.ts";

const MIB = 1024 * 1024;
const STEPS = 10;
const CONNECTIONS = 10;
/** A realistic interval of polls; the other benches poll only on request. */
const EVERY_FIVE_MINUTES = "*/5 * * * *";

export interface MemorySizes {
  projects: number;
  /** Work items of each project. */
  items: number;
  /** Idle time before the measurement, in seconds. */
  idle: number;
  /** Number of webhooks that are sent and processed. */
  events: number;
  starts: number;
}

/**
 * Measures the product as `npm start` runs it, with a large workspace: memory when idle, memory after many events,
 * start time.
 */
export async function benchMemory(sizes: MemorySizes): Promise<BenchLine[]> {
  const simulators = await startSimulators();
  const { config } = fillWorkspace(simulators, { agents: 10, ...sizes });
  const { secret } = simulators.plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
  const template = createWebhookTemplate(simulators, secret, 3 * 1024, 500);
  simulators.useCurrentTime();
  const folder = createBenchFolder(config);
  const env = { ...simulators.env, ...folder.env, POLL_CRON: EVERY_FIVE_MINUTES, PLANE_WEBHOOK_SECRET: secret };
  try {
    // The first poll reads the whole workspace; it is over before the measurement.
    const first = await startWithNpm(env);
    await first.poll();
    await waitForJobs(first);
    await first.stop();

    const startTimes: number[] = [];
    for (let i = 0; i < sizes.starts; i += 1) {
      const process = await startWithNpm(env);
      startTimes.push(process.readyAfter);
      await process.stop();
    }

    const running = await startWithNpm(env);
    await sleep(sizes.idle * 1000);
    await waitForJobs(running);
    const idleBytes = running.memory();
    const bytesAfterSteps = await measureDuringEvents(running, { ...template, count: sizes.events / STEPS });
    await running.stop();
    return [
      {
        what: `memory after ${sizes.idle} s idle, ${formatCount(sizes.projects * sizes.items)} items stored`,
        ours: formatMib(idleBytes),
        aim: "≤ 120 MiB",
        met: idleBytes <= 120 * MIB,
      },
      toGrowthLine(sizes.events, bytesAfterSteps),
      {
        what: `npm start to /ready, median of ${sizes.starts}`,
        ours: formatMs(median(startTimes)),
        aim: "< 1 s",
        met: median(startTimes) < 1000,
      },
    ];
  } finally {
    await simulators.stop();
    folder.remove();
  }
}

/**
 * Memory counts as flat when its median in the second half of the events is at most a tenth higher than in the first.
 */
function toGrowthLine(events: number, bytesAfterSteps: readonly number[]): BenchLine {
  const halves = [median(bytesAfterSteps.slice(0, STEPS / 2)), median(bytesAfterSteps.slice(STEPS / 2))] as const;
  const growth = halves[1] / halves[0] - 1;
  return {
    what: `memory after ${formatCount(events)} events processed`,
    ours: `${bytesAfterSteps.map((bytes) => Math.round(bytes / MIB)).join(", ")} MiB after each tenth`,
    aim: "flat: second half ≤ first + 10 %",
    met: growth <= 0.1,
  };
}

const loadResultSchema = z.object({ kept: z.array(z.string()) });

/** Sends webhooks in equal steps, waits until each step is processed, and returns the memory in bytes after each. */
async function measureDuringEvents(
  running: StartedProduct,
  order: { count: number; secret: string; template: string; items: string[] },
): Promise<number[]> {
  const load = await startChild("load.ts");
  const bytesAfterSteps: number[] = [];
  const maxBatch = 5_000;
  let from = 0;
  for (let step = 0; step < STEPS; step += 1) {
    for (let remaining = order.count; remaining > 0; remaining -= maxBatch) {
      const count = Math.min(remaining, maxBatch);
      const loadOrder = { ...order, count, from, port: running.port, connections: CONNECTIONS };
      const { kept: stored } = loadResultSchema.parse(await load.ask("send", loadOrder));
      if (stored.length !== count) throw new Error(`The product stored ${stored.length} of ${count} webhooks.`);
      from += count;
      await waitForJobs(running);
    }
    bytesAfterSteps.push(running.memory());
  }
  await load.kill();
  return bytesAfterSteps;
}

/** Resolves when no job is pending. */
async function waitForJobs(running: StartedProduct): Promise<void> {
  while ((await running.pending()) > 0) await sleep(250);
}

import { z } from "zod";
import { createBenchFolder } from "./bench-folder.ts";
import { startChild } from "./child.ts";
import { formatMs, median, percentile } from "./figures.ts";
import { startSimulators } from "./simulators.ts";
import { START_FLAGS } from "./start-flags.ts";
import type { BenchLine } from "./table.ts";
import { waitUntilIdle } from "./wait.ts";
import { createWebhookTemplate } from "./webhook-template.ts";

/** Size of a webhook's body in bytes. */
const SIZE = 3 * 1024;
const ITEMS = 500;
/** Requests per second: signed ones, and others beside them. */
const RATE = 200;
const FLOOD_RATE = 655;

const resultSchema = z.object({ times: z.array(z.number()) });
const cpuSchema = z.object({ user: z.number(), system: z.number() }).transform(({ user, system }) => user + system);

/** What comes beside the signed webhooks, with the secret that signs it. */
const FLOODS: Record<string, { secret?: string }> = {
  "without a signature": {},
  "with a forged signature": { secret: "another secret" },
};

/** Measures how much later signed webhooks are answered while others come that are refused. Rounds alternate. */
export async function benchFlood({ rounds, seconds }: { rounds: number; seconds: number }): Promise<BenchLine[]> {
  const folder = createBenchFolder();
  const simulators = await startSimulators();
  const { secret } = simulators.plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
  const template = createWebhookTemplate(simulators, secret, SIZE, ITEMS);
  simulators.useCurrentTime();
  const env = { ...simulators.env, ...folder.env, PLANE_WEBHOOK_SECRET: secret };
  const output = `${folder.path}/product.log`;
  const product = await startChild("product.ts", { args: ["whole"], env, flags: START_FLAGS, output });
  const [load, flood] = [await startChild("load.ts"), await startChild("load.ts")];
  try {
    await product.ask("poll");
    await waitUntilIdle(product);
    const port = await product.ask("port");
    const readCpu = async () => cpuSchema.parse(await product.ask("cpu"));
    let from = 0;

    /** The 99th percentile of the answers, and the processor time of a second. */
    async function measure(beside?: { secret?: string }) {
      const order = { ...template, port, connections: 10, from, count: RATE * seconds, rate: RATE };
      from += FLOOD_RATE * seconds;
      const others = { ...order, secret: undefined, ...beside, count: FLOOD_RATE * seconds, rate: FLOOD_RATE };
      const before = await readCpu();
      const [result] = await Promise.all([load.ask("send", order), beside && flood.ask("send", others)]);
      const cpu = (await readCpu()) - before;
      await waitUntilIdle(product);
      return { p99: percentile(resultSchema.parse(result).times, 99), cpu };
    }

    const alone: { p99: number; cpu: number }[] = [];
    const beside = new Map(Object.keys(FLOODS).map((name) => [name, [] as { p99: number; cpu: number }[]]));
    for (let round = 0; round <= rounds; round += 1) {
      const own = await measure();
      const flooded: [string, { p99: number; cpu: number }][] = [];
      for (const [name, order] of Object.entries(FLOODS)) flooded.push([name, await measure(order)]);
      // The first round is a warm-up.
      if (round === 0) continue;
      alone.push(own);
      for (const [name, figures] of flooded) beside.get(name)?.push(figures);
    }
    const floor = median(alone.map(({ p99 }) => p99));
    const ownCpu = median(alone.map(({ cpu }) => cpu));
    return [...beside].map(([name, figures]) => {
      const p99 = median(figures.map((one) => one.p99));
      const cost = (median(figures.map(({ cpu }) => cpu)) - ownCpu) / (FLOOD_RATE * seconds);
      return {
        what: `answer at ${RATE} signed webhooks/s beside ${FLOOD_RATE}/s ${name}`,
        ours: `p99 ${formatMs(p99)}, ${Math.round(cost)} µs of CPU for a refusal`,
        floor: `p99 ${formatMs(floor)} alone`,
        ratio: (p99 / floor).toFixed(2),
        aim: "≤ 2",
        met: p99 <= 2 * floor,
      };
    });
  } finally {
    for (const child of [load, flood, product]) await child.kill();
    await simulators.stop();
    folder.remove();
  }
}

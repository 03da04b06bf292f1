import { Redis } from "ioredis";
import { z } from "zod";
import { startRedis } from "../test/support/redis-server.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { type BenchChild, startChild } from "./child.ts";
import { formatRate, median } from "./figures.ts";
import { startSimulators } from "./simulators.ts";
import { START_FLAGS } from "./start-flags.ts";
import type { BenchLine } from "./table.ts";
import { waitUntilIdle } from "./wait.ts";
import { createWebhookTemplate } from "./webhook-template.ts";

/** Size of a webhook's body in bytes. */
const SIZE = 3 * 1024;
const ITEMS = 500;
/** Connections of each load: a process that is added is added because more arrives. */
const CONNECTIONS = 8;

const cpuSchema = z.object({ user: z.number(), system: z.number() }).transform(({ user, system }) => user + system);
const resultSchema = z.object({ kept: z.array(z.string()) });

/** Of one webhook: microseconds of the processes, and calls and microseconds of Redis. */
type Figures = Record<"rate" | "cpu" | "calls" | "redisCpu", number>;

/**
 * Measures how several processes of the product on one Redis share the work: webhooks until they are stored and processed,
 * and the processor time that one of them takes, over all processes. Where there are fewer cores than processes, the
 * rate says little and the processor time says what a machine with more of them would do.
 * @param counts how many processes run, one number after the other
 */
export async function benchProcesses({
  counts,
  rounds,
  count,
}: {
  counts: readonly number[];
  rounds: number;
  count: number;
}): Promise<BenchLine[]> {
  const lines: BenchLine[] = [];
  const folder = createBenchFolder();
  let single: Figures | undefined;
  for (const processes of counts) {
    const redis = await startRedis({ appendonly: "yes", appendfsync: "everysec" });
    const simulators = await startSimulators();
    const client = new Redis(redis.url);
    const children: BenchChild[] = [];
    const start = async (program: string, options = {}) => {
      const child = await startChild(program, options);
      children.push(child);
      return child;
    };
    try {
      const { secret } = simulators.plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
      const template = createWebhookTemplate(simulators, secret, SIZE, ITEMS);
      simulators.useCurrentTime();
      const env = { ...simulators.env, PLANE_WEBHOOK_SECRET: secret, STORE_URL: redis.url };
      const pairs: { product: BenchChild; load: BenchChild; port: unknown }[] = [];
      for (let i = 0; i < processes; i += 1) {
        const output = `${folder.path}/${processes}-${i}.log`;
        const product = await start("product.ts", { args: ["whole"], env, flags: START_FLAGS, output });
        pairs.push({ product, load: await start("load.ts"), port: await product.ask("port") });
      }
      const [first] = pairs;
      if (!first) continue;
      await first.product.ask("poll");
      await waitUntilIdle(first.product);
      const readCpu = async () => {
        const times = await Promise.all(pairs.map(async ({ product }) => cpuSchema.parse(await product.ask("cpu"))));
        return times.reduce((sum, time) => sum + time, 0);
      };
      /** Calls of scripts, and the processor time of the server in microseconds. */
      const readRedis = async () => {
        const info = `${await client.info("commandstats")}\n${await client.info("cpu")}`;
        const read = (name: RegExp) => Number(name.exec(info)?.[1] ?? 0);
        const seconds = read(/^used_cpu_user:([\d.]+)/m) + read(/^used_cpu_sys:([\d.]+)/m);
        return { calls: read(/^cmdstat_evalsha:calls=(\d+)/m), cpu: seconds * 1_000_000 };
      };
      const measured: Figures[] = [];
      for (let round = 0; round <= rounds; round += 1) {
        const before = { products: await readCpu(), redis: await readRedis() };
        const startedAt = performance.now();
        const results = await Promise.all(
          pairs.map(({ load, port }, i) => {
            // Items of its own: changes of one item by two loads would arrive out of order, and be read again.
            const items = template.items.filter((_, n) => n % processes === i);
            const part = Math.ceil(count / processes);
            const order = { ...template, items, port, connections: CONNECTIONS, from: round * part, count: part };
            return load.ask("send", order);
          }),
        );
        await waitUntilIdle(first.product);
        const seconds = (performance.now() - startedAt) / 1000;
        const kept = results.reduce<number>((sum, result) => sum + resultSchema.parse(result).kept.length, 0);
        const after = { products: await readCpu(), redis: await readRedis() };
        // The first round is a warm-up.
        if (round === 0) continue;
        measured.push({
          rate: kept / seconds,
          cpu: (after.products - before.products) / kept,
          calls: (after.redis.calls - before.redis.calls) / kept,
          redisCpu: (after.redis.cpu - before.redis.cpu) / kept,
        });
      }
      const findMedian = (name: keyof Figures) => median(measured.map((figures) => figures[name]));
      const figures: Figures = {
        rate: findMedian("rate"),
        cpu: findMedian("cpu"),
        calls: findMedian("calls"),
        redisCpu: findMedian("redisCpu"),
      };
      single ??= figures;
      lines.push({
        what: `${processes} process${processes === 1 ? "" : "es"} on one Redis, webhooks stored and processed`,
        ours: `${formatRate(figures.rate)}, ${Math.round(figures.cpu)} µs of CPU each; Redis: ${figures.calls.toFixed(1)} calls, ${Math.round(figures.redisCpu)} µs`,
        floor: `${formatRate(single.rate)}, ${Math.round(single.cpu)} µs, 1 process`,
        ratio: (figures.rate / single.rate).toFixed(2),
      });
    } finally {
      client.disconnect();
      for (const child of children) await child.kill();
      await simulators.stop();
      await redis.stop();
    }
  }
  folder.remove();
  return lines;
}

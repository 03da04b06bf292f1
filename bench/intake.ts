import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import { bundlePrograms } from "../runtime/build/bundle.js";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { startRedis } from "../test/support/redis-server.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { type BenchChild, startChild } from "./child.ts";
import { formatMs, formatRate, median, percentile } from "./figures.ts";
import { startSimulators } from "./simulators.ts";
import { START_FLAGS } from "./start-flags.ts";
import { readStoredWebhookIds } from "./stored-webhooks.ts";
import type { BenchLine } from "./table.ts";
import { countPendingJobs, sleep, waitUntilIdle } from "./wait.ts";
import { createWebhookTemplate, type WebhookTemplate } from "./webhook-template.ts";

const CONNECTIONS = 10;
/** Size of a webhook's body in bytes. */
const SIZE = 3 * 1024;
const ITEMS = 500;
/** Delay of the kill after the first stored webhook: 500 ms. */
const KILL_AFTER_MS = 500;

const resultSchema = z.object({
  seconds: z.number(),
  times: z.array(z.number()),
  kept: z.array(z.string()),
  refused: z.number(),
  unanswered: z.number(),
});
type LoadResult = z.infer<typeof resultSchema>;

/** Rounds at 200 webhooks per second against another checkout; the median of their p99 is compared. */
const STEADY_ROUNDS = 3;

/** The stores that are measured, and what the table calls them. */
const STORES = [
  ["file", "embedded file"],
  ["redis", "Redis, AOF each second"],
] as const;

export interface IntakeSizes {
  rounds: number;
  /** Webhooks per round. */
  count: number;
  /** Duration of the measurement at 200 webhooks per second, in seconds. */
  steady: number;
}

/** Compares the intake of signed webhooks with the bare server, in alternating rounds, for both stores. */
export async function benchIntake(sizes: IntakeSizes): Promise<BenchLine[]> {
  const lines: BenchLine[] = [];
  const folder = createBenchFolder();
  const redis = await startRedis({ appendonly: "yes", appendfsync: "everysec" });
  const simulators = await startSimulators();
  try {
    const { secret } = simulators.plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
    const template = createWebhookTemplate(simulators, secret, SIZE, ITEMS);
    simulators.useCurrentTime();
    const storeUrls = (name: string) => ({
      file: `file:${folder.path}/${name}`,
      redis: `${redis.url}/${SERVERS.indexOf(name)}`,
    });
    for (const [kind, name] of STORES) {
      const start = (mode: "idle" | "whole") => {
        const env = { ...simulators.env, PLANE_WEBHOOK_SECRET: secret, STORE_URL: storeUrls(mode)[kind] };
        return startChild("product.ts", {
          args: [mode],
          env,
          flags: START_FLAGS,
          output: `${folder.path}/${mode}.log`,
        });
      };
      const startFloor = (write: "same" | "least") =>
        startChild("floor.ts", { args: [write, storeUrls(write)[kind], secret] });
      const load = await startChild("load.ts");
      const servers = {
        same: await startFloor("same"),
        least: await startFloor("least"),
        idle: await start("idle"),
        whole: await start("whole"),
      };
      await servers.whole.ask("poll");
      lines.push(...(await compareServers(name, sizes, template, load, servers)));
      lines.push(await measureSteady(name, sizes, template, load, servers.whole));
      lines.push(await measureKill(name, storeUrls("whole")[kind], sizes, template, load, servers.whole));
      for (const child of [load, ...Object.values(servers)]) await child.kill();
    }
  } finally {
    await simulators.stop();
    await redis.stop();
    folder.remove();
  }
  return lines;
}

const SERVERS = ["same", "least", "idle", "whole"];
type Servers = Record<"same" | "least" | "idle" | "whole", BenchChild>;

async function compareServers(
  name: string,
  sizes: IntakeSizes,
  template: WebhookTemplate,
  load: BenchChild,
  servers: Servers,
): Promise<BenchLine[]> {
  const rates: Record<keyof Servers, number[]> = { same: [], least: [], idle: [], whole: [] };
  let from = 0;
  for (let round = 0; round <= sizes.rounds; round += 1) {
    for (const server of ["same", "idle", "least", "whole"] as const) {
      await waitUntilIdle(servers.whole);
      const result = await sendLoad(load, servers[server], { ...template, from, count: sizes.count });
      if (result.kept.length !== sizes.count)
        throw new Error(`The server ${server} accepted ${result.kept.length} of ${sizes.count} webhooks.`);
      // The first round is a warm-up.
      if (round > 0) rates[server].push(result.kept.length / result.seconds);
    }
    from += sizes.count;
  }
  const toLine = (what: string, ownRates: readonly number[], floor: "same" | "least", target?: number): BenchLine => {
    const rate = median(ownRates);
    // Each round is divided by the floor's neighbouring round, because other load on the machine affects both.
    const ratio = median(ownRates.map((ownRate, i) => ownRate / (rates[floor][i] ?? Number.NaN)));
    return {
      what: `webhook intake, ${name}, ${what}`,
      ours: formatRate(rate),
      floor: `${formatRate(median(rates[floor]))}, ${floor} write`,
      ratio: ratio.toFixed(2),
      ...omitUndefined({
        aim: target === undefined ? undefined : `≥ ${target} and ≥ 3,000/s`,
        met: target === undefined ? undefined : ratio >= target && rate >= 3000,
      }),
    };
  };
  return [
    toLine("stored, not processed", rates.idle, "same", 0.75),
    toLine("stored, not processed", rates.idle, "least"),
    toLine("stored and processed", rates.whole, "same"),
  ];
}

/**
 * Compares the intake of this checkout with that of another one, for both stores: their rounds alternate, so that other
 * load on the machine affects both. The CPU time of a webhook hardly depends on such load. This checkout runs as it is
 * installed, as a build; the other one from its sources, as checkouts without a build did.
 * @param checkout path of the other checkout, with its packages installed
 */
export async function benchIntakeAgainst(sizes: IntakeSizes, checkout: string): Promise<BenchLine[]> {
  const folder = createBenchFolder();
  const redis = await startRedis({ appendonly: "yes", appendfsync: "everysec" });
  const simulators = await startSimulators();
  const load = await startChild("load.ts");
  try {
    const built = await buildProduct();
    const { secret } = simulators.plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
    const template = createWebhookTemplate(simulators, secret, SIZE, ITEMS);
    simulators.useCurrentTime();
    const lines: BenchLine[] = [];
    for (const [kind, name] of STORES) {
      const start = (program: string, index: number) =>
        startChild(program, {
          args: ["idle"],
          env: {
            ...simulators.env,
            PLANE_WEBHOOK_SECRET: secret,
            STORE_URL: kind === "file" ? `file:${folder.path}/against-${index}` : `${redis.url}/${index}`,
          },
          flags: START_FLAGS,
          output: `${folder.path}/against-${index}.log`,
        });
      const servers = [
        await start(built, 0),
        await start(pathToFileURL(join(resolve(checkout), "bench/product.ts")).href, 1),
      ];
      const rounds = servers.map((): { rate: number; cpu: number }[] => []);
      for (let round = 0; round <= sizes.rounds; round += 1) {
        for (const [index, server] of servers.entries()) {
          const before = cpuSchema.parse(await server.ask("cpu"));
          const order = { ...template, from: round * sizes.count, count: sizes.count };
          const { kept, seconds } = await sendLoad(load, server, order);
          if (kept.length !== sizes.count) throw new Error(`${kept.length} of ${sizes.count} webhooks were accepted.`);
          const cpu = (cpuSchema.parse(await server.ask("cpu")) - before) / sizes.count;
          // The first round is a warm-up.
          if (round > 0) rounds[index]?.push({ rate: kept.length / seconds, cpu });
        }
      }
      const steady = servers.map((): number[] => []);
      for (let round = 0; round < STEADY_ROUNDS; round += 1) {
        for (const [index, server] of servers.entries()) {
          const from = 10_000_000 + round * 1_000_000;
          const { times } = await sendLoad(load, server, { ...template, from, count: sizes.steady * 200, rate: 200 });
          steady[index]?.push(percentile(times, 99));
        }
      }
      for (const server of servers) await server.kill();
      const [ownP99 = Number.NaN, otherP99 = Number.NaN] = steady.map(median);
      const [ours = [], theirs = []] = rounds;
      const compare = (measure: "rate" | "cpu") =>
        median(ours.map((round, i) => round[measure] / (theirs[i]?.[measure] ?? Number.NaN)));
      const format = (own: typeof ours) =>
        `${formatRate(median(own.map(({ rate }) => rate)))}, ${Math.round(median(own.map(({ cpu }) => cpu)))} µs of CPU`;
      lines.push({
        what: `webhook intake against another checkout, ${name}; CPU time × ${compare("cpu").toFixed(2)}`,
        ours: format(ours),
        floor: `${format(theirs)}, the other checkout`,
        ratio: compare("rate").toFixed(2),
        aim: "≥ 0.95",
        met: compare("rate") >= 0.95,
      });
      lines.push({
        what: `answer at 200 webhooks/s against another checkout, ${name}`,
        ours: `p99 ${formatMs(ownP99)}`,
        floor: `p99 ${formatMs(otherP99)}, the other checkout`,
        ratio: (ownP99 / otherP99).toFixed(2),
        aim: "≤ 1.05",
        met: ownP99 <= otherP99 * 1.05,
      });
    }
    return lines;
  } finally {
    await load.kill();
    await simulators.stop();
    await redis.stop();
    folder.remove();
  }
}

/** Bundles the bench's product as `npm run build` bundles the product, beside its files in dist/, which must be there. */
async function buildProduct(): Promise<string> {
  const folder = fileURLToPath(new URL("../dist", import.meta.url));
  await bundlePrograms({ "bench/product": "bench/product.ts" }, folder);
  return pathToFileURL(join(folder, "bench/product.js")).href;
}

/** The CPU time of a process so far, in microseconds. */
const cpuSchema = z.object({ user: z.number(), system: z.number() }).transform(({ user, system }) => user + system);

/** Measures the answer time at 200 webhooks per second, all of which the product works. */
async function measureSteady(
  name: string,
  sizes: IntakeSizes,
  template: WebhookTemplate,
  load: BenchChild,
  product: BenchChild,
): Promise<BenchLine> {
  await waitUntilIdle(product);
  const order = { ...template, from: 10_000_000, count: sizes.steady * 200, rate: 200 };
  const { times } = await sendLoad(load, product, order);
  const p99 = percentile(times, 99);
  return {
    what: `answer at 200 webhooks/s, ${name}`,
    ours: `p99 ${formatMs(p99)} (p50 ${formatMs(percentile(times, 50))})`,
    aim: "p99 < 50 ms",
    met: p99 < 50 && times.length === order.count,
  };
}

/** Kills the product with SIGKILL during a round; every body answered with 200 must be in the store. */
async function measureKill(
  name: string,
  store: string,
  sizes: IntakeSizes,
  template: WebhookTemplate,
  load: BenchChild,
  product: BenchChild,
): Promise<BenchLine> {
  await waitUntilIdle(product);
  const before = await countPendingJobs(product);
  const sending = sendLoad(load, product, { ...template, from: 20_000_000, count: sizes.count * 2 });
  // Preparing the bodies takes a while, so the delay of the kill begins when the first ones have arrived.
  while ((await countPendingJobs(product)) === before) await sleep(5);
  await sleep(KILL_AFTER_MS);
  await product.kill();
  const { kept: stored, unanswered } = await sending;
  const storedIds = await readStoredWebhookIds(store);
  const lost = stored.filter((hash) => !storedIds.has(hash)).length;
  return {
    what: `kill -9 at the peak, ${name}`,
    ours: `${lost} lost of ${stored.length.toLocaleString("en")} answered`,
    aim: "0 lost",
    met: lost === 0 && stored.length > 0 && unanswered === CONNECTIONS,
  };
}

async function sendLoad(
  load: BenchChild,
  server: BenchChild,
  order: WebhookTemplate & { from: number; count: number; rate?: number },
): Promise<LoadResult> {
  const port = await server.ask("port");
  return resultSchema.parse(await load.ask("send", { ...order, port, connections: CONNECTIONS }));
}

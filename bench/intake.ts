import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { startRedis } from "../test/redis.ts";
import { type Child, startChild } from "./child.ts";
import { median, ms, percentile, perSecond } from "./figures.ts";
import { fill, type Outside, startOutside } from "./outside.ts";
import { seenIn } from "./seen.ts";
import type { Line } from "./table.ts";

const CONNECTIONS = 10;
/** Bytes of a webhook's body. */
const SIZE = 3 * 1024;
const ITEMS = 500;

const result = z.object({
  seconds: z.number(),
  times: z.array(z.number()),
  kept: z.array(z.string()),
  refused: z.number(),
  unanswered: z.number(),
});
type Result = z.infer<typeof result>;

export interface IntakeSizes {
  rounds: number;
  /** Webhooks of a round. */
  count: number;
  /** Seconds at 200 webhooks a second. */
  steady: number;
}

/** What the load needs to know besides where it goes. */
interface Mail {
  secret: string;
  template: string;
  items: string[];
}

/** Signed webhooks against the bare server, in alternating rounds, for both stores. */
export async function intake(sizes: IntakeSizes): Promise<Line[]> {
  const lines: Line[] = [];
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-bench-"));
  const redis = await startRedis({ appendonly: "yes", appendfsync: "everysec" });
  const outside = await startOutside();
  try {
    const mail = mailOf(outside);
    const stores = [
      {
        name: "embedded file",
        own: `file:${folder}/idle`,
        whole: `file:${folder}/whole`,
        floor: `file:${folder}/floor.db`,
      },
      { name: "Redis", own: `${redis.url}/1`, whole: `${redis.url}/2`, floor: `${redis.url}/0` },
    ];
    for (const store of stores) {
      const load = await startChild("load.ts");
      const servers = {
        floor: await startChild("floor.ts", { args: [store.floor, mail.secret] }),
        idle: await startProduct(outside, mail, store.own, `${folder}/idle.log`, "idle"),
        whole: await startProduct(outside, mail, store.whole, `${folder}/whole.log`, "whole"),
      };
      await servers.whole.ask("poll");
      lines.push(...(await race(store.name, sizes, mail, load, servers)));
      lines.push(await steady(store.name, sizes, mail, load, servers.whole));
      lines.push(await killed(store, sizes, mail, load, servers.whole));
      for (const child of [load, ...Object.values(servers)]) await child.kill();
    }
  } finally {
    await outside.stop();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return lines;
}

type Servers = Record<"floor" | "idle" | "whole", Child>;

async function race(name: string, sizes: IntakeSizes, mail: Mail, load: Child, servers: Servers): Promise<Line[]> {
  const rates: Record<keyof Servers, number[]> = { floor: [], idle: [], whole: [] };
  let from = 0;
  for (let round = 0; round <= sizes.rounds; round += 1) {
    for (const server of ["floor", "idle", "whole"] as const) {
      await quiet(servers.whole);
      const sent = await send(load, servers[server], { ...mail, from, count: sizes.count });
      if (sent.kept.length !== sizes.count) throw new Error(`${server} took ${sent.kept.length} of ${sizes.count}`);
      if (process.env["BENCH_DEBUG"]) console.error(name, round, server, sent.kept.length / sent.seconds);
      // The first round warms up.
      if (round > 0) rates[server].push(sent.kept.length / sent.seconds);
    }
    from += sizes.count;
  }
  const floor = median(rates.floor);
  const told = (what: string, own: readonly number[]): Line => {
    const rate = median(own);
    // Each round against the floor's round beside it: what else the machine did weighs on both.
    const ratio = median(own.map((one, i) => one / (rates.floor[i] ?? Number.NaN)));
    return {
      what: `webhook intake, ${name}, ${what}`,
      ours: perSecond(rate),
      floor: `${perSecond(floor)} bare server`,
      ratio: ratio.toFixed(2),
      aim: "≥ 0.75 and ≥ 3,000/s",
      met: ratio >= 0.75 && rate >= 3000,
    };
  };
  return [told("kept, nothing worked", rates.idle), told("while it is worked", rates.whole)];
}

/** 200 webhooks a second, all of them worked. */
async function steady(name: string, sizes: IntakeSizes, mail: Mail, load: Child, whole: Child): Promise<Line> {
  await quiet(whole);
  const order = { ...mail, from: 10_000_000, count: sizes.steady * 200, rate: 200 };
  const { times } = await send(load, whole, order);
  const p99 = percentile(times, 99);
  return {
    what: `answer at 200 webhooks/s, ${name}`,
    ours: `p99 ${ms(p99)} (p50 ${ms(percentile(times, 50))})`,
    aim: "p99 < 50 ms",
    met: p99 < 50 && times.length === order.count,
  };
}

/** `kill -9` in the middle of a round; what was answered 200 must be in the store. */
async function killed(
  store: { name: string; whole: string },
  sizes: IntakeSizes,
  mail: Mail,
  load: Child,
  whole: Child,
): Promise<Line> {
  await quiet(whole);
  const sending = send(load, whole, { ...mail, from: 20_000_000, count: sizes.count * 4 });
  // Making the bodies takes a while: the kill comes once some have arrived.
  while ((await pendingOf(whole)) < sizes.count / 10) await pause(5);
  await whole.kill();
  const { kept, unanswered } = await sending;
  const seen = await seenIn(store.whole);
  const lost = kept.filter((hash) => !seen.has(hash)).length;
  return {
    what: `kill -9 at the peak, ${store.name}`,
    ours: `${lost} lost of ${kept.length.toLocaleString("en")} answered`,
    aim: "0 lost",
    met: lost === 0 && kept.length > 0 && unanswered === CONNECTIONS,
  };
}

export async function startProduct(outside: Outside, mail: Mail, store: string, output: string, how: "idle" | "whole") {
  const env = { ...outside.env, PLANE_WEBHOOK_SECRET: mail.secret, STORE_URL: store };
  return startChild("product.ts", { args: [how], env, output });
}

export async function send(
  load: Child,
  server: Child,
  order: Mail & { from: number; count: number; rate?: number },
): Promise<Result> {
  const port = await server.ask("port");
  return result.parse(await load.ask("send", { ...order, port, connections: CONNECTIONS }));
}

const stats = z.object({ queues: z.record(z.string(), z.object({ pending: z.number(), dead: z.number() })) });

async function pendingOf(product: Child): Promise<number> {
  const { queues } = stats.parse(await product.ask("stats"));
  return Object.values(queues).reduce((sum, { pending }) => sum + pending, 0);
}

/** Resolves when it has worked everything. */
async function quiet(product: Child): Promise<void> {
  while ((await pendingOf(product)) > 0) await pause(50);
}

function pause(length: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, length));
}

/** A delivery of the in-memory Plane, as long as wanted, with places for what tells one from another. */
export function mailOf({ plane }: Outside): Mail {
  const { secret } = plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
  const project = plane.addProject({ name: "Onboarding", identifier: "ONB" });
  const items = fill(plane, project, ITEMS);
  const [item] = items;
  if (!item) throw new Error("no item");
  plane.editItem(item, { priority: "urgent", description_html: "<p>{{text}}</p>" });
  plane.settle();
  const body = plane.deliveries.pending.find(({ field }) => field === "priority")?.body ?? "";
  plane.deliveries.dropAll();
  const { updated_at } = z.object({ data: z.object({ updated_at: z.string() }) }).parse(JSON.parse(body)).data;
  const places = body
    .replaceAll(item.id, "{{id}}")
    .replaceAll('"urgent"', '"{{priority}}"')
    .replace(`"updated_at": "${updated_at}"`, '"updated_at": "{{time}}"');
  if (!["{{id}}", "{{priority}}", "{{time}}", "{{text}}"].every((place) => places.includes(place)))
    throw new Error("the delivery has another form than expected");
  const filled = places
    .replaceAll("{{id}}", item.id)
    .replaceAll("{{priority}}", "high")
    .replace("{{time}}", updated_at);
  const missing = SIZE - filled.replaceAll("{{text}}", "").length;
  const times = filled.split("{{text}}").length - 1;
  return {
    secret,
    template: places.replaceAll("{{text}}", "x".repeat(missing / times)),
    items: items.map(({ id }) => id),
  };
}

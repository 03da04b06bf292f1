import { z } from "zod";
import { startRedis } from "../test/redis.ts";
import { type Child, startChild } from "./child.ts";
import { median, ms, percentile, perSecond } from "./figures.ts";
import { START_FLAGS } from "./flags.ts";
import { makeFolder } from "./folder.ts";
import { type Mail, mailOf } from "./mail.ts";
import { startOutside } from "./outside.ts";
import { seenIn } from "./seen.ts";
import type { Line } from "./table.ts";
import { pause, pendingOf, quiet } from "./watch.ts";

const CONNECTIONS = 10;
/** Bytes of a webhook's body. */
const SIZE = 3 * 1024;
const ITEMS = 500;
/** How long after the first webhook the kill comes. */
const PEAK_MS = 500;

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

/** Signed webhooks against the bare server, in alternating rounds, for both stores. */
export async function intake(sizes: IntakeSizes): Promise<Line[]> {
  const lines: Line[] = [];
  const folder = makeFolder();
  const redis = await startRedis({ appendonly: "yes", appendfsync: "everysec" });
  const outside = await startOutside();
  try {
    const { secret } = outside.plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
    const mail = mailOf(outside, secret, SIZE, ITEMS);
    outside.today();
    const kept = (name: string) => ({
      file: `file:${folder.path}/${name}`,
      redis: `${redis.url}/${SERVERS.indexOf(name)}`,
    });
    for (const [kind, name] of [
      ["file", "embedded file"],
      ["redis", "Redis, AOF each second"],
    ] as const) {
      const start = (how: "idle" | "whole") => {
        const env = { ...outside.env, PLANE_WEBHOOK_SECRET: secret, STORE_URL: kept(how)[kind] };
        return startChild("product.ts", { args: [how], env, flags: START_FLAGS, output: `${folder.path}/${how}.log` });
      };
      const floor = (write: "same" | "least") => startChild("floor.ts", { args: [write, kept(write)[kind], secret] });
      const load = await startChild("load.ts");
      const servers = {
        same: await floor("same"),
        least: await floor("least"),
        idle: await start("idle"),
        whole: await start("whole"),
      };
      await servers.whole.ask("poll");
      lines.push(...(await race(name, sizes, mail, load, servers)));
      lines.push(await steady(name, sizes, mail, load, servers.whole));
      lines.push(await killed(name, kept("whole")[kind], sizes, mail, load, servers.whole));
      for (const child of [load, ...Object.values(servers)]) await child.kill();
    }
  } finally {
    await outside.stop();
    await redis.stop();
    folder.remove();
  }
  return lines;
}

const SERVERS = ["same", "least", "idle", "whole"];
type Servers = Record<"same" | "least" | "idle" | "whole", Child>;

async function race(name: string, sizes: IntakeSizes, mail: Mail, load: Child, servers: Servers): Promise<Line[]> {
  const rates: Record<keyof Servers, number[]> = { same: [], least: [], idle: [], whole: [] };
  let from = 0;
  for (let round = 0; round <= sizes.rounds; round += 1) {
    for (const server of ["same", "idle", "least", "whole"] as const) {
      await quiet(servers.whole);
      const sent = await send(load, servers[server], { ...mail, from, count: sizes.count });
      if (sent.kept.length !== sizes.count) throw new Error(`${server} took ${sent.kept.length} of ${sizes.count}`);
      // The first round warms up.
      if (round > 0) rates[server].push(sent.kept.length / sent.seconds);
    }
    from += sizes.count;
  }
  const told = (what: string, own: readonly number[], floor: "same" | "least", aim?: number): Line => {
    const rate = median(own);
    // Each round against the floor's round beside it: what else the machine did weighs on both.
    const ratio = median(own.map((one, i) => one / (rates[floor][i] ?? Number.NaN)));
    return {
      what: `webhook intake, ${name}, ${what}`,
      ours: perSecond(rate),
      floor: `${perSecond(median(rates[floor]))}, ${floor} write`,
      ratio: ratio.toFixed(2),
      ...(aim !== undefined && { aim: `≥ ${aim} and ≥ 3,000/s`, met: ratio >= aim && rate >= 3000 }),
    };
  };
  return [
    told("kept, nothing worked", rates.idle, "same", 0.75),
    told("kept, nothing worked", rates.idle, "least"),
    told("while it is worked", rates.whole, "same"),
  ];
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
  name: string,
  store: string,
  sizes: IntakeSizes,
  mail: Mail,
  load: Child,
  whole: Child,
): Promise<Line> {
  await quiet(whole);
  const before = await pendingOf(whole);
  const sending = send(load, whole, { ...mail, from: 20_000_000, count: sizes.count * 2 });
  // Making the bodies takes a while: the kill comes a moment after the first have arrived.
  while ((await pendingOf(whole)) === before) await pause(5);
  await pause(PEAK_MS);
  await whole.kill();
  const { kept, unanswered } = await sending;
  const seen = await seenIn(store);
  const lost = kept.filter((hash) => !seen.has(hash)).length;
  return {
    what: `kill -9 at the peak, ${name}`,
    ours: `${lost} lost of ${kept.length.toLocaleString("en")} answered`,
    aim: "0 lost",
    met: lost === 0 && kept.length > 0 && unanswered === CONNECTIONS,
  };
}

async function send(
  load: Child,
  server: Child,
  order: Mail & { from: number; count: number; rate?: number },
): Promise<Result> {
  const port = await server.ask("port");
  return result.parse(await load.ask("send", { ...order, port, connections: CONNECTIONS }));
}

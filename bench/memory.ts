import { z } from "zod";
import { startChild } from "./child.ts";
import { median, mib, ms, whole } from "./figures.ts";
import { makeFolder } from "./folder.ts";
import { mailOf } from "./mail.ts";
import { fillWorkspace, startOutside } from "./outside.ts";
import { npmStart, type Started } from "./started.ts";
import type { Line } from "./table.ts";
import { pause } from "./watch.ts";

const MIB = 1024 * 1024;
const STEPS = 10;
const CONNECTIONS = 10;
/** As real settings say, unlike those of the other benches. */
const EVERY_FIVE_MINUTES = "*/5 * * * *";

export interface MemorySizes {
  projects: number;
  /** Work items of each project. */
  items: number;
  /** Seconds of idleness before it is measured. */
  idle: number;
  /** Webhooks sent and worked. */
  events: number;
  starts: number;
}

/** The product as `npm start` runs it, with a large workspace kept: idle, after many events, and how fast it starts. */
export async function memory(sizes: MemorySizes): Promise<Line[]> {
  const outside = await startOutside();
  const { config } = fillWorkspace(outside, { agents: 10, ...sizes });
  const { secret } = outside.plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
  const mail = mailOf(outside, secret, 3 * 1024, 500);
  outside.today();
  const folder = makeFolder(config);
  const env = { ...outside.env, ...folder.env, POLL_CRON: EVERY_FIVE_MINUTES, PLANE_WEBHOOK_SECRET: secret };
  try {
    // The first look at everything is over before anything is measured.
    const first = await npmStart(env);
    await first.poll();
    await still(first);
    await first.stop();

    const cold: number[] = [];
    for (let i = 0; i < sizes.starts; i += 1) {
      const started = await npmStart(env);
      cold.push(started.readyAfter);
      await started.stop();
    }

    const running = await npmStart(env);
    await pause(sizes.idle * 1000);
    await still(running);
    const idle = running.memory();
    const after = await worked(running, { ...mail, count: sizes.events / STEPS });
    await running.stop();
    return [
      {
        what: `memory after ${sizes.idle} s idle, ${whole(sizes.projects * sizes.items)} items kept`,
        ours: mib(idle),
        aim: "≤ 120 MiB",
        met: idle <= 120 * MIB,
      },
      grown(sizes.events, after),
      {
        what: `npm start to /ready, median of ${sizes.starts}`,
        ours: ms(median(cold)),
        aim: "< 1 s",
        met: median(cold) < 1000,
      },
    ];
  } finally {
    await outside.stop();
    folder.remove();
  }
}

/** Flat: the second half of the events adds no more than a tenth. */
function grown(events: number, after: readonly number[]): Line {
  const halves = [median(after.slice(0, STEPS / 2)), median(after.slice(STEPS / 2))] as const;
  const growth = halves[1] / halves[0] - 1;
  return {
    what: `memory after ${whole(events)} events worked`,
    ours: `${after.map((bytes) => Math.round(bytes / MIB)).join(", ")} MiB after each tenth`,
    aim: "flat: second half ≤ first + 10 %",
    met: growth <= 0.1,
  };
}

const result = z.object({ kept: z.array(z.string()) });

/** Sends webhooks in equal steps and works each step; the memory after each. */
async function worked(
  running: Started,
  order: { count: number; secret: string; template: string; items: string[] },
): Promise<number[]> {
  const load = await startChild("load.ts");
  const after: number[] = [];
  const most = 5_000;
  let from = 0;
  for (let step = 0; step < STEPS; step += 1) {
    for (let left = order.count; left > 0; left -= most) {
      const count = Math.min(left, most);
      const given = { ...order, count, from, port: running.port, connections: CONNECTIONS };
      const { kept } = result.parse(await load.ask("send", given));
      if (kept.length !== count) throw new Error(`${kept.length} of ${count} webhooks were kept`);
      from += count;
      await still(running);
    }
    after.push(running.memory());
  }
  await load.kill();
  return after;
}

/** Resolves when no job waits. */
async function still(running: Started): Promise<void> {
  while ((await running.pending()) > 0) await pause(250);
}

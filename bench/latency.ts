import { z } from "zod";
import { freePort } from "../test/redis.ts";
import { startChild } from "./child.ts";
import { ms, percentile } from "./figures.ts";
import { START_FLAGS } from "./flags.ts";
import { makeFolder } from "./folder.ts";
import { startOutside } from "./outside.ts";
import { deliveries } from "./shown.ts";
import type { Line } from "./table.ts";
import { pause, quiet } from "./watch.ts";

const CHATS = 60;
const FIRST_CHAT = 1001;

const noted = z.array(z.tuple([z.string(), z.number()]));

export interface LatencySizes {
  /** Changes a second. Telegram takes 30 calls a second, so more than that must share messages. */
  rates: readonly number[];
  seconds: number;
}

export async function latency({ rates, seconds }: LatencySizes): Promise<Line[]> {
  const lines: Line[] = [];
  for (const rate of rates) lines.push(...(await at(rate, seconds)));
  return lines;
}

/**
 * So many tasks a second are completed, in 60 projects whose notices go to 60 chats: from the change in Plane to the notice
 * in the outbox, and to the message or edit that Telegram has taken.
 */
async function at(rate: number, seconds: number): Promise<Line[]> {
  const chats = Array.from({ length: CHATS }, (_, i) => FIRST_CHAT + i);
  const outside = await startOutside({ chats, autoDeliver: true });
  const { plane, telegram } = outside;
  const count = rate * seconds;
  const projects = chats.map((chat, i) => {
    const identifier = `C${i + 1}`;
    // One more than is completed, so that no project is.
    const filled = outside.fill(identifier, Math.ceil(count / CHATS) + 1, () => ({ state: "In Progress" }));
    return { chat, identifier, items: filled.items };
  });
  outside.today();
  const folder = makeFolder({
    notifications: projects.map(({ chat, identifier }) => ({ events: ["completed"], projects: [identifier], chat })),
  });
  const port = String(await freePort());
  const { secret } = plane.addWebhook(`http://127.0.0.1:${port}/webhooks/plane`);
  const env = { ...outside.env, ...folder.env, PORT: port, PLANE_WEBHOOK_SECRET: secret };
  const product = await startChild("product.ts", { args: ["whole"], env, flags: START_FLAGS });
  try {
    await product.ask("poll");
    await quiet(product);
    await product.ask("due");
    const changedAt = new Map<string, number>();
    const byChat = new Map<number, number[]>(chats.map((chat) => [chat, []]));
    const began = Date.now();
    for (let n = 0; n < count; n += 1) {
      const { chat, items } = projects[n % CHATS] ?? { chat: 0, items: [] };
      const item = items[Math.floor(n / CHATS)];
      if (!item) throw new Error("too few items");
      const early = began + (n * 1000) / rate - Date.now();
      if (early > 0) await pause(early);
      changedAt.set(item.id, Date.now());
      byChat.get(chat)?.push(Date.now());
      plane.editItem(item, { state: "Done" });
    }
    await quiet(product);
    const due = noted.parse(await product.ask("due")).map(([item, at]) => at - (changedAt.get(item) ?? Number.NaN));
    const delivered = [...byChat].flatMap(([chat, changes]) => deliveries(telegram.chat(chat), changes));
    const refused = telegram.calls.filter(({ outcome }) => outcome === "429").length;
    return [
      line(`change → due in the outbox at ${rate} changes/s`, due, count, 1000),
      line(
        `change → delivered over ${CHATS} chats at ${rate} changes/s (${telegram.calls.length} calls, ${refused} refused)`,
        delivered,
        count,
        2000,
      ),
    ];
  } finally {
    await product.kill();
    await outside.stop();
    folder.remove();
  }
}

function line(what: string, times: readonly number[], count: number, aim: number): Line {
  const p95 = percentile(times, 95);
  const lost = count - times.length;
  return {
    what,
    ours: `p95 ${ms(p95)} (p50 ${ms(percentile(times, 50))}${lost > 0 ? `, ${lost} missing` : ""})`,
    aim: `p95 < ${aim / 1000} s`,
    met: p95 < aim && lost === 0,
  };
}

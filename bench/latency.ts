import { z } from "zod";
import { findFreePort } from "../test/support/redis-server.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { startChild } from "./child.ts";
import { measureDeliveryTimes } from "./delivery-times.ts";
import { formatMs, percentile } from "./figures.ts";
import { startSimulators } from "./simulators.ts";
import { START_FLAGS } from "./start-flags.ts";
import type { BenchLine } from "./table.ts";
import { sleep, waitUntilIdle } from "./wait.ts";

const CHATS = 60;
const FIRST_CHAT = 1001;

const dueSchema = z.array(z.tuple([z.string(), z.number()]));

export interface LatencySizes {
  /** Changes per second. Telegram accepts 30 calls per second, so at a higher rate changes must share messages. */
  rates: readonly number[];
  seconds: number;
}

export async function benchLatency({ rates, seconds }: LatencySizes): Promise<BenchLine[]> {
  const lines: BenchLine[] = [];
  for (const rate of rates) lines.push(...(await measureAtRate(rate, seconds)));
  return lines;
}

/**
 * Completes `rate` tasks per second in 60 projects whose notifications go to 60 chats. Measures the time from the
 * change in Plane to the notification in the outbox, and to the message or edit that Telegram has accepted.
 */
async function measureAtRate(rate: number, seconds: number): Promise<BenchLine[]> {
  const chats = Array.from({ length: CHATS }, (_, i) => FIRST_CHAT + i);
  const simulators = await startSimulators({ chats, autoDeliver: true });
  const { plane, telegram } = simulators;
  const count = rate * seconds;
  const projects = chats.map((chat, i) => {
    const identifier = `C${i + 1}`;
    // One task per project stays open, so that no project is completed.
    const filled = simulators.fillProject(identifier, Math.ceil(count / CHATS) + 1, () => ({ state: "In Progress" }));
    return { chat, identifier, items: filled.items };
  });
  simulators.useCurrentTime();
  const folder = createBenchFolder({
    notifications: projects.map(({ chat, identifier }) => ({ events: ["completed"], projects: [identifier], chat })),
  });
  const port = String(await findFreePort());
  const { secret } = plane.addWebhook(`http://127.0.0.1:${port}/webhooks/plane`);
  const env = { ...simulators.env, ...folder.env, PORT: port, PLANE_WEBHOOK_SECRET: secret };
  const product = await startChild("product.ts", { args: ["whole"], env, flags: START_FLAGS });
  try {
    await product.ask("poll");
    await waitUntilIdle(product);
    await product.ask("due");
    const changedAt = new Map<string, number>();
    const byChat = new Map<number, number[]>(chats.map((chat) => [chat, []]));
    const startedAt = Date.now();
    for (let n = 0; n < count; n += 1) {
      const { chat, items } = projects[n % CHATS] ?? { chat: 0, items: [] };
      const item = items[Math.floor(n / CHATS)];
      if (!item) throw new Error("The bench has too few items.");
      const msUntilDue = startedAt + (n * 1000) / rate - Date.now();
      if (msUntilDue > 0) await sleep(msUntilDue);
      changedAt.set(item.id, Date.now());
      byChat.get(chat)?.push(Date.now());
      plane.editItem(item, { state: "Done" });
    }
    await waitUntilIdle(product);
    const dueTimes = dueSchema
      .parse(await product.ask("due"))
      .map(([item, at]) => at - (changedAt.get(item) ?? Number.NaN));
    const delivered = [...byChat].flatMap(([chat, changes]) => measureDeliveryTimes(telegram.chat(chat), changes));
    const refused = telegram.calls.filter(({ outcome }) => outcome === "429").length;
    return [
      toLine(`change → due in the outbox at ${rate} changes/s`, dueTimes, count, 1000),
      toLine(
        `change → delivered over ${CHATS} chats at ${rate} changes/s (${telegram.calls.length} calls, ${refused} refused)`,
        delivered,
        count,
        2000,
      ),
    ];
  } finally {
    await product.kill();
    await simulators.stop();
    folder.remove();
  }
}

function toLine(what: string, times: readonly number[], count: number, targetMs: number): BenchLine {
  const p95 = percentile(times, 95);
  const lost = count - times.length;
  return {
    what,
    ours: `p95 ${formatMs(p95)} (p50 ${formatMs(percentile(times, 50))}${lost > 0 ? `, ${lost} missing` : ""})`,
    aim: `p95 < ${targetMs / 1000} s`,
    met: p95 < targetMs && lost === 0,
  };
}

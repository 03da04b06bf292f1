import { expect, test } from "vitest";
import {
  recordSendOutcome,
  reserveSend,
  type SendPriority,
  TELEGRAM_LIMITS,
} from "../../../../functions/telegram/delivery/rate-limits.ts";
import { createMemoryStore } from "../../../../runtime/stores/sqlite-store.ts";

/** Counts the calls allowed within one minute, made two seconds apart; 30 means that there is no limit. */
async function countReservations(chat: number, priority: SendPriority): Promise<number> {
  const time = { now: 0 };
  const store = createMemoryStore({ clock: () => time.now });
  for (let count = 0; ; count += 1, time.now += 2_000)
    if (count === 30 || (await reserveSend(store, chat, TELEGRAM_LIMITS, priority)).wait > 0) return count;
}

test.each([
  ["request", 20],
  ["reply", 18],
  ["notification", 12],
  ["background", 8],
] as const)("messages of priority %s get %i of a group's calls in a minute", async (priority, calls) => {
  expect(await countReservations(-100, priority)).toBe(calls);
});

test("the next call in a chat is that of the highest priority that waits, however often the others ask", async () => {
  const time = { now: 0 };
  const store = createMemoryStore({ clock: () => time.now });
  const reserve = async (priority: SendPriority) => (await reserveSend(store, 42, TELEGRAM_LIMITS, priority)).wait;
  expect(await reserve("background")).toBe(0);
  for (const priority of ["notification", "reply", "request"] as const) await reserve(priority);
  const granted: [Ms: number, priority: SendPriority][] = [];
  for (const waiting = new Set<SendPriority>(["background", "notification", "reply", "request"]); waiting.size > 0; ) {
    time.now += 50;
    for (const priority of waiting)
      if ((await reserve(priority)) === 0) granted.push([time.now, priority]) && waiting.delete(priority);
  }
  expect(granted.map(([, priority]) => priority)).toEqual(["request", "reply", "notification", "background"]);
  expect(granted[0]?.[0]).toBe(1_050);
});

test("after a long hold of a chat only one of many calls at once is granted, and its success releases the others", async () => {
  const time = { now: 0 };
  const store = createMemoryStore({ clock: () => time.now });
  const reserve = () => reserveSend(store, 42, TELEGRAM_LIMITS, "reply");
  const first = await reserve();
  await recordSendOutcome(store, 42, first, { kind: "wait", ms: 600_000 });
  time.now += 600_000;
  const turns = await Promise.all(Array.from({ length: 20 }, reserve));
  const [probe, ...others] = turns.filter(({ wait }) => wait === 0);
  expect([probe, others]).toEqual([{ wait: 0, isProbe: true }, []]);
  time.now += 2_000;
  expect((await reserve()).wait).toBe(1_000);
  await recordSendOutcome(store, 42, { wait: 0, isProbe: true }, { kind: "sent", messageId: 1 });
  expect(await reserve()).toEqual({ wait: 0, isProbe: false });
});

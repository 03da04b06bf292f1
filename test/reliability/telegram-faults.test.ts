import { expect, test } from "vitest";
import { findDuplicated, findMissing, readCompletions } from "./completions.ts";
import { IS_FULL_RUN, pickSize } from "./random-source.ts";
import { SIMULATED_CHAT, toItemKey } from "./simulators.ts";
import { createVirtualTimeApp } from "./virtual-time-app.ts";

const COMPLETED = { notifications: [{ events: ["completed"] }] };

/** The first key in each message that was sent, in order. */
const toKeyOrder = (calls: readonly { method: string; done: boolean; chat: string; text: string }[], chat: number) =>
  calls
    .filter((call) => call.done && call.method === "sendMessage" && call.chat === String(chat))
    .map(({ text }) => /[A-Z]+\d*-\d+/.exec(text)?.[0]);

test("reliability 14: after a 429 with retry_after 30 no message is sent early, and the order stays the same", async () => {
  const app = await createVirtualTimeApp({ outbox: { burstWindow: 0 }, config: COMPLETED });
  const { plane, telegram } = app;
  const project = app.addProject();
  const items = app.addItems(project, 7);
  await app.runFirstPoll();
  const finished = items.slice(0, 6);
  const wanted = finished.map((item) => toItemKey(project, item));
  for (const [n, item] of finished.entries()) {
    if (n === 2) telegram.injectFaults({ kind: "too_many", seconds: 30 });
    plane.editItem(item, { state: "Done" });
    await app.deliverWebhooks();
    if (n < 2) await app.waitUntilIdle();
  }
  await app.waitUntilIdle();
  const { calls } = telegram;
  const refused = calls.find(({ outcome }) => outcome === "429");
  if (!refused) throw new Error("nothing was refused");
  expect(calls.filter(({ at }) => at > refused.at && at < refused.at + 30_000)).toEqual([]);
  expect(calls.filter(({ outcome }) => outcome === "429")).toHaveLength(1);
  expect(toKeyOrder(calls, SIMULATED_CHAT)).toEqual(wanted);
});

const LOSSES = IS_FULL_RUN ? (["lost", "silent"] as const) : (["lost"] as const);

for (const kind of LOSSES) {
  test(`reliability 14: a message whose response is ${kind} is repeated once at most, and the repeat is marked`, async () => {
    const app = await createVirtualTimeApp({ outbox: { burstWindow: 0 }, config: COMPLETED });
    const { plane, telegram } = app;
    const project = app.addProject();
    const items = app.addItems(project, 5);
    await app.runFirstPoll();
    const finished = items.slice(0, 4);
    for (const [n, item] of finished.entries()) {
      if (n === 1) telegram.injectFaults({ kind });
      plane.editItem(item, { state: "Done" });
      await app.deliverWebhooks();
      await app.waitUntilIdle();
    }
    const completions = readCompletions(telegram, SIMULATED_CHAT);
    const wanted = finished.map((item) => toItemKey(project, item));
    expect(findMissing(completions, wanted)).toEqual([]);
    expect(findDuplicated(completions)).toEqual([]);
    expect(completions).toMatchObject({ marked: 1, total: 5 });
    expect(completions.named.get(wanted[1] ?? "")).toEqual({ times: 2, marked: 1 });
  }, 120_000);
}

const MESSAGES_PER_CHAT = pickSize(100, 20);

test(`reliability 14: ${5 * MESSAGES_PER_CHAT} messages to 5 chats are sent in order and at most one per second and chat`, async () => {
  const chats = [101, 102, 103, 104, 105];
  const identifiers = chats.map((_, n) => `P${n}`);
  const app = await createVirtualTimeApp({
    chats,
    outbox: { burstWindow: 0 },
    env: { TELEGRAM_CHAT_ID: "101" },
    config: {
      notifications: chats.map((chat, n) => ({ events: ["completed"], projects: [identifiers[n]], chat })),
    },
  });
  const { plane, telegram } = app;
  const projects = identifiers.map((identifier, n) => {
    const project = app.addProject(identifier, `Project ${n}`);
    return { project, items: app.addItems(project, MESSAGES_PER_CHAT + 1) };
  });
  await app.runFirstPoll();
  const wanted = new Map<number, string[]>(chats.map((chat) => [chat, []]));
  for (let n = 0; n < MESSAGES_PER_CHAT; n += 1) {
    for (const [index, { project, items }] of projects.entries()) {
      const item = items[n];
      if (!item) continue;
      plane.editItem(item, { state: "Done" });
      for (const body of app.takeWebhookBodies()) {
        expect((await app.sendWebhook(body)).status).toBe(200);
      }
      await app.deps.drain();
      wanted.get(chats[index] ?? 0)?.push(toItemKey(project, item));
    }
  }
  await app.waitUntilIdle();
  const { calls } = telegram;
  expect(calls).toHaveLength(MESSAGES_PER_CHAT * chats.length);
  expect(calls.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
  for (const chat of chats) {
    expect(toKeyOrder(calls, chat)).toEqual(wanted.get(chat));
    const times = calls.filter((call) => call.chat === String(chat)).map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
  }
}, 120_000);

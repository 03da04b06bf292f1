import { expect, test } from "vitest";
import { createHouse } from "./house.ts";
import { CHAT, keyOf } from "./outside.ts";
import { FULL, sized } from "./random.ts";
import { doubled, lost, toldOf } from "./told.ts";

const COMPLETED = { notifications: [{ events: ["completed"] }] };

/** The first key of each message that appeared, in the order in which it did. */
const order = (calls: readonly { method: string; done: boolean; chat: string; text: string }[], chat: number) =>
  calls
    .filter((call) => call.done && call.method === "sendMessage" && call.chat === String(chat))
    .map(({ text }) => /[A-Z]+\d*-\d+/.exec(text)?.[0]);

test("14: after a 429 with retry_after 30 nothing comes early, and the order is kept", async () => {
  const house = await createHouse({ outbox: { burst: 0 }, config: COMPLETED });
  const { plane, telegram } = house;
  const project = house.project();
  const items = house.items(project, 7);
  await house.begin();
  const finished = items.slice(0, 6);
  const wanted = finished.map((item) => keyOf(project, item));
  for (const [n, item] of finished.entries()) {
    if (n === 2) telegram.meet({ kind: "too_many", seconds: 30 });
    plane.editItem(item, { state: "Done" });
    await house.deliver();
    if (n < 2) await house.quiet();
  }
  await house.quiet();
  const { calls } = telegram;
  const refused = calls.find(({ outcome }) => outcome === "429");
  if (!refused) throw new Error("nothing was refused");
  expect(calls.filter(({ at }) => at > refused.at && at < refused.at + 30_000)).toEqual([]);
  expect(calls.filter(({ outcome }) => outcome === "429")).toHaveLength(1);
  expect(order(calls, CHAT)).toEqual(wanted);
});

const LOSSES = FULL ? (["lost", "silent"] as const) : (["lost"] as const);

for (const kind of LOSSES) {
  test(`14: a message whose answer is ${kind} is repeated at most once, and the repeat says so`, async () => {
    const house = await createHouse({ outbox: { burst: 0 }, config: COMPLETED });
    const { plane, telegram } = house;
    const project = house.project();
    const items = house.items(project, 5);
    await house.begin();
    const finished = items.slice(0, 4);
    for (const [n, item] of finished.entries()) {
      if (n === 1) telegram.meet({ kind });
      plane.editItem(item, { state: "Done" });
      await house.deliver();
      await house.quiet();
    }
    const told = toldOf(telegram, CHAT);
    const wanted = finished.map((item) => keyOf(project, item));
    expect(lost(told, wanted)).toEqual([]);
    expect(doubled(told)).toEqual([]);
    expect(told).toMatchObject({ marked: 1, total: 5 });
    expect(told.named.get(wanted[1] ?? "")).toEqual({ times: 2, marked: 1 });
  }, 120_000);
}

const EACH = sized(100, 20);

test(`14: ${5 * EACH} messages to 5 chats come each in order and at most one a second in a chat`, async () => {
  const chats = [101, 102, 103, 104, 105];
  const identifiers = chats.map((_, n) => `P${n}`);
  const house = await createHouse({
    chats,
    outbox: { burst: 0 },
    env: { TELEGRAM_CHAT_ID: "101" },
    config: {
      notifications: chats.map((chat, n) => ({ events: ["completed"], projects: [identifiers[n]], chat })),
    },
  });
  const { plane, telegram } = house;
  const projects = identifiers.map((identifier, n) => {
    const project = house.project(identifier, `Project ${n}`);
    return { project, items: house.items(project, EACH + 1) };
  });
  await house.begin();
  const wanted = new Map<number, string[]>(chats.map((chat) => [chat, []]));
  for (let n = 0; n < EACH; n += 1) {
    for (const [index, { project, items }] of projects.entries()) {
      const item = items[n];
      if (!item) continue;
      plane.editItem(item, { state: "Done" });
      for (const body of house.bodies()) {
        expect((await house.send(body)).status).toBe(200);
      }
      await house.deps.drain();
      wanted.get(chats[index] ?? 0)?.push(keyOf(project, item));
    }
  }
  await house.quiet();
  const { calls } = telegram;
  expect(calls).toHaveLength(EACH * chats.length);
  expect(calls.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
  for (const chat of chats) {
    expect(order(calls, chat)).toEqual(wanted.get(chat));
    const times = calls.filter((call) => call.chat === String(chat)).map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
  }
}, 120_000);

import { expect, test } from "vitest";
import { z } from "zod";
import { DAY } from "../../shared/time.ts";
import { findDuplicated, findMissing, readCompletions } from "./completions.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, toItemKey } from "./simulators.ts";
import { NO_LIMITS } from "./test-manifest.ts";
import { createVirtualTimeApp } from "./virtual-time-app.ts";

const OPTIONS = {
  outbox: { limits: NO_LIMITS, burstWindow: 0 },
  config: { notifications: [{ events: ["completed"] }] },
  telegram: NO_TELEGRAM_LIMITS,
};
const deadLettersSchema = z.object({
  dead_letters: z.array(z.object({ queue: z.string(), id: z.string(), reason: z.string() })),
});

async function readDeadLetters(house: Awaited<ReturnType<typeof createVirtualTimeApp>>) {
  return deadLettersSchema.parse(await (await house.request("/dead-letters")).json()).dead_letters;
}

test("5: a poisonous webhook ten times is set aside once with its reason, and the others flow", async () => {
  const house = await createVirtualTimeApp(OPTIONS);
  const project = house.addProject();
  const items = house.addItems(project, 11);
  await house.runFirstPoll();
  const poisoned = items[0];
  if (!poisoned) throw new Error("no item");
  house.plane.editItem(poisoned, { priority: "high" });
  const [real = ""] = house.takeWebhookBodies();
  const poison = real.replace(/"sequence_id": ?\d+/, '"sequence_id": "one"');
  expect(poison).not.toBe(real);

  const others = items.slice(1);
  for (const item of others) {
    expect((await house.time.advanceUntilSettled(house.sendWebhook(poison))).status).toBe(200);
    house.plane.editItem(item, { state: "Done" });
    await house.deliverWebhooks();
  }
  await house.waitUntilIdle();
  const told = readCompletions(house.telegram, SIMULATED_CHAT);
  expect(
    findMissing(
      told,
      others.map((item) => toItemKey(project, item)),
    ),
  ).toEqual([]);
  expect(told.total).toBe(others.length);
  const [only, ...more] = await readDeadLetters(house);
  expect(more).toEqual([]);
  expect(only).toMatchObject({ queue: "inbox", reason: expect.stringContaining("sequence_id") });
});

test("5: what Telegram refused is set aside, and a replay over HTTP sends it once", async () => {
  const house = await createVirtualTimeApp(OPTIONS);
  const { plane, telegram } = house;
  const project = house.addProject();
  const [first, second] = house.addItems(project, 3);
  if (!first || !second) throw new Error("no items");
  await house.runFirstPoll();
  telegram.refuseChat(SIMULATED_CHAT, 400, "Bad Request: can't parse entities");
  plane.editItem(first, { state: "Done" });
  await house.deliverWebhooks();
  await house.waitUntilIdle();
  const [dead] = await readDeadLetters(house);
  expect(dead?.reason).toContain("can't parse entities");
  telegram.allowChat(SIMULATED_CHAT);
  plane.editItem(second, { state: "Done" });
  await house.deliverWebhooks();
  await house.waitUntilIdle();
  expect([...readCompletions(telegram, SIMULATED_CHAT).named.keys()]).toEqual([toItemKey(project, second)]);

  const replay = () =>
    house.request(`/dead-letters/outbox/${encodeURIComponent(dead?.id ?? "")}/replay`, { method: "POST" });
  const answers = [await replay(), await replay()];
  await house.waitUntilIdle();
  answers.push(await replay());
  await house.waitUntilIdle();
  expect(answers.map(({ status }) => status)).toEqual([200, 404, 404]);
  const told = readCompletions(telegram, SIMULATED_CHAT);
  expect({ doubled: findDuplicated(told), total: told.total, marked: told.marked }).toEqual({
    doubled: [],
    total: 2,
    marked: 0,
  });
  expect(await readDeadLetters(house)).toEqual([]);
});

test("6: old bodies replayed at once, after a restart and after their ids are forgotten have no effect", async () => {
  const house = await createVirtualTimeApp(OPTIONS);
  const { plane, telegram } = house;
  const project = house.addProject();
  const [told, deleted, reopened] = house.addItems(project, 4);
  if (!told || !deleted || !reopened) throw new Error("no items");
  await house.runFirstPoll();
  for (const item of [told, deleted, reopened]) plane.editItem(item, { state: "Done" });
  const created = plane.addItem(project, { name: "Made and deleted" });
  const old = await house.deliverWebhooks();
  await house.waitUntilIdle();
  plane.editItem(reopened, { state: "Todo" });
  plane.deleteItem(deleted);
  plane.deleteItem(created);
  await house.deliverWebhooks();
  expect((await house.runTick()).status).toBe(200);
  await house.waitUntilIdle();
  const before = JSON.stringify(telegram.calls.map(({ text }) => text));
  expect(readCompletions(telegram, SIMULATED_CHAT).total).toBe(3);

  async function replayAll() {
    for (const body of old) expect((await house.time.advanceUntilSettled(house.sendWebhook(body))).status).toBe(200);
    await house.waitUntilIdle();
    expect((await house.runTick()).status).toBe(200);
    await house.waitUntilIdle();
    expect(JSON.stringify(telegram.calls.map(({ text }) => text))).toBe(before);
  }
  await replayAll();
  await house.start();
  await replayAll();
  await house.time.advance(3 * DAY, DAY / 4);
  await replayAll();
  await house.time.advance(40 * DAY, DAY);
  await replayAll();
}, 60_000);

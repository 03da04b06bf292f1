import { expect, test } from "vitest";
import { z } from "zod";
import { createHouse } from "./house.ts";
import { NO_LIMITS } from "./manifest.ts";
import { CHAT, keyOf, PATIENT } from "./outside.ts";
import { doubled, lost, toldOf } from "./told.ts";

const OPTIONS = {
  outbox: { limits: NO_LIMITS, burst: 0 },
  config: { notifications: [{ events: ["completed"] }] },
  telegram: PATIENT,
};
const answered = z.object({
  dead_letters: z.array(z.object({ queue: z.string(), id: z.string(), reason: z.string() })),
});
const DAY_MS = 86_400_000;

async function deadLetters(house: Awaited<ReturnType<typeof createHouse>>) {
  return answered.parse(await (await house.ask("/dead-letters")).json()).dead_letters;
}

test("5: a poisonous webhook ten times is set aside once with its reason, and the others flow", async () => {
  const house = await createHouse(OPTIONS);
  const project = house.project();
  const items = house.items(project, 11);
  await house.begin();
  const poisoned = items[0];
  if (!poisoned) throw new Error("no item");
  house.plane.editItem(poisoned, { priority: "high" });
  const [real = ""] = house.bodies();
  const poison = real.replace(/"sequence_id": ?\d+/, '"sequence_id": "one"');
  expect(poison).not.toBe(real);

  const others = items.slice(1);
  for (const item of others) {
    expect((await house.time.during(house.send(poison))).status).toBe(200);
    house.plane.editItem(item, { state: "Done" });
    await house.deliver();
  }
  await house.quiet();
  const told = toldOf(house.telegram, CHAT);
  expect(
    lost(
      told,
      others.map((item) => keyOf(project, item)),
    ),
  ).toEqual([]);
  expect(told.total).toBe(others.length);
  const [only, ...more] = await deadLetters(house);
  expect(more).toEqual([]);
  expect(only).toMatchObject({ queue: "inbox", reason: expect.stringContaining("sequence_id") });
});

test("5: what Telegram refused is set aside, and a replay over HTTP sends it once", async () => {
  const house = await createHouse(OPTIONS);
  const { plane, telegram } = house;
  const project = house.project();
  const [first, second] = house.items(project, 3);
  if (!first || !second) throw new Error("no items");
  await house.begin();
  telegram.refuse(CHAT, 400, "Bad Request: can't parse entities");
  plane.editItem(first, { state: "Done" });
  await house.deliver();
  await house.quiet();
  const [dead] = await deadLetters(house);
  expect(dead?.reason).toContain("can't parse entities");
  telegram.allow(CHAT);
  plane.editItem(second, { state: "Done" });
  await house.deliver();
  await house.quiet();
  expect([...toldOf(telegram, CHAT).named.keys()]).toEqual([keyOf(project, second)]);

  const replay = () =>
    house.ask(`/dead-letters/outbox/${encodeURIComponent(dead?.id ?? "")}/replay`, { method: "POST" });
  const answers = [await replay(), await replay()];
  await house.quiet();
  answers.push(await replay());
  await house.quiet();
  expect(answers.map(({ status }) => status)).toEqual([200, 404, 404]);
  const told = toldOf(telegram, CHAT);
  expect({ doubled: doubled(told), total: told.total, marked: told.marked }).toEqual({
    doubled: [],
    total: 2,
    marked: 0,
  });
  expect(await deadLetters(house)).toEqual([]);
});

test("6: old bodies replayed at once, after a restart and after their ids are forgotten have no effect", async () => {
  const house = await createHouse(OPTIONS);
  const { plane, telegram } = house;
  const project = house.project();
  const [told, deleted, reopened] = house.items(project, 4);
  if (!told || !deleted || !reopened) throw new Error("no items");
  await house.begin();
  for (const item of [told, deleted, reopened]) plane.editItem(item, { state: "Done" });
  const created = plane.addItem(project, { name: "Made and deleted" });
  const old = await house.deliver();
  await house.quiet();
  plane.editItem(reopened, { state: "Todo" });
  plane.deleteItem(deleted);
  plane.deleteItem(created);
  await house.deliver();
  expect((await house.tick()).status).toBe(200);
  await house.quiet();
  const before = JSON.stringify(telegram.calls.map(({ text }) => text));
  expect(toldOf(telegram, CHAT).total).toBe(3);

  async function replayAll() {
    for (const body of old) expect((await house.time.during(house.send(body))).status).toBe(200);
    await house.quiet();
    expect((await house.tick()).status).toBe(200);
    await house.quiet();
    expect(JSON.stringify(telegram.calls.map(({ text }) => text))).toBe(before);
  }
  await replayAll();
  await house.start();
  await replayAll();
  await house.time.pass(3 * DAY_MS, DAY_MS / 4);
  await replayAll();
  await house.time.pass(40 * DAY_MS, DAY_MS);
  await replayAll();
}, 60_000);

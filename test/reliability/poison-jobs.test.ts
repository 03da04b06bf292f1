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

async function readDeadLetters(app: Awaited<ReturnType<typeof createVirtualTimeApp>>) {
  return deadLettersSchema.parse(await (await app.request("/dead-letters")).json()).dead_letters;
}

test("reliability 5: an invalid webhook sent ten times becomes one dead letter with its reason, and other webhooks are worked", async () => {
  const app = await createVirtualTimeApp(OPTIONS);
  const project = app.addProject();
  const items = app.addItems(project, 11);
  await app.runFirstPoll();
  const poisoned = items[0];
  if (!poisoned) throw new Error("no item");
  app.plane.editItem(poisoned, { priority: "high" });
  const [real = ""] = app.takeWebhookBodies();
  const poison = real.replace(/"sequence_id": ?\d+/, '"sequence_id": "one"');
  expect(poison).not.toBe(real);

  const others = items.slice(1);
  for (const item of others) {
    expect((await app.time.advanceUntilSettled(app.sendWebhook(poison))).status).toBe(200);
    app.plane.editItem(item, { state: "Done" });
    await app.deliverWebhooks();
  }
  await app.waitUntilIdle();
  const completions = readCompletions(app.telegram, SIMULATED_CHAT);
  expect(
    findMissing(
      completions,
      others.map((item) => toItemKey(project, item)),
    ),
  ).toEqual([]);
  expect(completions.total).toBe(others.length);
  const [only, ...more] = await readDeadLetters(app);
  expect(more).toEqual([]);
  expect(only).toMatchObject({ queue: "inbox", reason: expect.stringContaining("sequence_id") });
});

test("reliability 5: a message that Telegram refused becomes a dead letter, and a replay over HTTP sends it once", async () => {
  const app = await createVirtualTimeApp(OPTIONS);
  const { plane, telegram } = app;
  const project = app.addProject();
  const [first, second] = app.addItems(project, 3);
  if (!first || !second) throw new Error("no items");
  await app.runFirstPoll();
  telegram.refuseChat(SIMULATED_CHAT, 400, "Bad Request: can't parse entities");
  plane.editItem(first, { state: "Done" });
  await app.deliverWebhooks();
  await app.waitUntilIdle();
  const [dead] = await readDeadLetters(app);
  expect(dead?.reason).toContain("can't parse entities");
  telegram.allowChat(SIMULATED_CHAT);
  plane.editItem(second, { state: "Done" });
  await app.deliverWebhooks();
  await app.waitUntilIdle();
  expect([...readCompletions(telegram, SIMULATED_CHAT).named.keys()]).toEqual([toItemKey(project, second)]);

  const replay = () =>
    app.request(`/dead-letters/outbox/${encodeURIComponent(dead?.id ?? "")}/replay`, { method: "POST" });
  const answers = [await replay(), await replay()];
  await app.waitUntilIdle();
  answers.push(await replay());
  await app.waitUntilIdle();
  expect(answers.map(({ status }) => status)).toEqual([200, 404, 404]);
  const completions = readCompletions(telegram, SIMULATED_CHAT);
  expect({ doubled: findDuplicated(completions), total: completions.total, marked: completions.marked }).toEqual({
    doubled: [],
    total: 2,
    marked: 0,
  });
  expect(await readDeadLetters(app)).toEqual([]);
});

test("reliability 6: old webhooks have no effect when repeated at once, after a restart and after their ids have expired", async () => {
  const app = await createVirtualTimeApp(OPTIONS);
  const { plane, telegram } = app;
  const project = app.addProject();
  const [completed, deleted, reopened] = app.addItems(project, 4);
  if (!completed || !deleted || !reopened) throw new Error("no items");
  await app.runFirstPoll();
  for (const item of [completed, deleted, reopened]) plane.editItem(item, { state: "Done" });
  const created = plane.addItem(project, { name: "Made and deleted" });
  const old = await app.deliverWebhooks();
  await app.waitUntilIdle();
  plane.editItem(reopened, { state: "Todo" });
  plane.deleteItem(deleted);
  plane.deleteItem(created);
  await app.deliverWebhooks();
  expect((await app.runTick()).status).toBe(200);
  await app.waitUntilIdle();
  const before = JSON.stringify(telegram.calls.map(({ text }) => text));
  expect(readCompletions(telegram, SIMULATED_CHAT).total).toBe(3);

  async function replayAll() {
    for (const body of old) expect((await app.time.advanceUntilSettled(app.sendWebhook(body))).status).toBe(200);
    await app.waitUntilIdle();
    expect((await app.runTick()).status).toBe(200);
    await app.waitUntilIdle();
    expect(JSON.stringify(telegram.calls.map(({ text }) => text))).toBe(before);
  }
  await replayAll();
  await app.start();
  await replayAll();
  await app.time.advance(3 * DAY, DAY / 4);
  await replayAll();
  await app.time.advance(40 * DAY, DAY);
  await replayAll();
}, 60_000);

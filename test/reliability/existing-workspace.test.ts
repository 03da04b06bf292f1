import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TELEGRAM_LIMITS } from "../../functions/telegram/delivery/rate-limits.ts";
import { readCompletions } from "./completions.ts";
import { pickSize } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators, toItemKey } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";
import { createVirtualTimeApp } from "./virtual-time-app.ts";

const EVENTS = ["created", "completed", "cancelled", "renamed", "removed", "comment_added", "blocked", "cycle_started"];
const BULK_ITEMS = 200;

test("9: started against an existing workspace nothing old is announced, also after the store is deleted", async () => {
  const outside = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane, telegram } = outside;
  const project = outside.addProject();
  const items = outside.addItems(project, pickSize(1_500, 150));
  for (const item of items.slice(0, 40)) plane.editItem(item, { state: "Done" });
  for (const item of items.slice(40, 60)) plane.addComment(item, "<p>from before</p>");
  for (const [n, item] of items.slice(60, 70).entries()) plane.relate(item, items[80 + n] ?? item);
  plane.addCycle(project, { name: "Before", start_date: "2026-01-01", end_date: "2027-12-31" });
  outside.takeWebhookBodies();
  const config = { notifications: [{ events: EVENTS }] };
  const runtime = await spawnRuntime({ env: outside.env, config, childOptions: { burst: 0 } });

  async function lookTwice() {
    for (let n = 0; n < 2; n += 1) expect((await runtime.poll()).status).toBe(200);
    await runtime.request("/ticks/cycles", { method: "POST" });
    await runtime.waitUntilIdle();
  }
  await lookTwice();
  expect(telegram.calls).toEqual([]);

  const [, , last] = items.slice(100);
  if (!last) throw new Error("no item");
  plane.editItem(last, { state: "Done" });
  outside.takeWebhookBodies();
  await lookTwice();
  expect([...readCompletions(telegram, SIMULATED_CHAT).named.keys()]).toEqual([toItemKey(project, last)]);
  const before = telegram.calls.length;

  await runtime.kill();
  await runtime.start();
  await lookTwice();
  expect(telegram.calls).toHaveLength(before);

  await runtime.kill("SIGTERM");
  rmSync(join(runtime.folder, "data"), { recursive: true });
  await runtime.start();
  await lookTwice();
  expect(telegram.calls).toHaveLength(before);
}, 180_000);

test("3: with every webhook lost, one POST /ticks/poll of the real runtime finds 100 changes and deletions", async () => {
  const outside = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane, telegram } = outside;
  const project = outside.addProject();
  const items = outside.addItems(project, 160);
  outside.takeWebhookBodies();
  const config = { notifications: [{ events: ["completed", "removed"] }] };
  const runtime = await spawnRuntime({ env: outside.env, config, childOptions: { burst: 0 } });
  expect((await runtime.poll()).status).toBe(200);
  const wanted: string[] = [];
  for (const [n, item] of items.slice(0, 100).entries()) {
    if (n % 5 === 0) plane.deleteItem(item);
    else plane.editItem(item, { state: "Done" });
    wanted.push(`${n % 5 === 0 ? "🗑️ Removed" : "✅ Completed"}: ${toItemKey(project, item)}`);
  }
  outside.takeWebhookBodies();
  expect((await runtime.poll()).status).toBe(200);
  await runtime.waitUntilIdle();
  const heads = telegram.chat(SIMULATED_CHAT).messages.map(({ text }) => /^\S+ [^:]+: [A-Z]+-\d+/.exec(text)?.[0]);
  expect(heads.toSorted()).toEqual(wanted.toSorted());
  expect(plane.ledger.requests.filter(({ status }) => status === 429)).toEqual([]);
}, 60_000);

test("a bulk edit of 200 items is one counted summary, within Telegram's own limits", async () => {
  const house = await createVirtualTimeApp({ outbox: { limits: TELEGRAM_LIMITS } });
  const { plane, telegram } = house;
  const project = house.addProject();
  const items = house.addItems(project, BULK_ITEMS + 1);
  await house.runFirstPoll();
  for (const item of items.slice(0, BULK_ITEMS)) plane.editItem(item, { state: "Done" });
  for (const body of house.takeWebhookBodies()) expect((await house.sendWebhook(body)).status).toBe(200);
  await house.waitUntilIdle();
  const { messages } = telegram.chat(SIMULATED_CHAT);
  expect(messages).toHaveLength(1);
  expect(messages[0]?.text).toContain(`✅ ${BULK_ITEMS} tasks completed in Onboarding (ONB): `);
  expect(readCompletions(telegram, SIMULATED_CHAT).total).toBe(BULK_ITEMS);
  expect(telegram.calls.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
});

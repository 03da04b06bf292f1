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

test("the first start on an existing workspace announces nothing old, also after the store was deleted", async () => {
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane, telegram } = simulators;
  const project = simulators.addProject();
  const items = simulators.addItems(project, pickSize(1_500, 150));
  for (const item of items.slice(0, 40)) plane.editItem(item, { state: "Done" });
  for (const item of items.slice(40, 60)) plane.addComment(item, "<p>from before</p>");
  for (const [n, item] of items.slice(60, 70).entries()) plane.relate(item, items[80 + n] ?? item);
  plane.addCycle(project, { name: "Before", start_date: "2026-01-01", end_date: "2027-12-31" });
  simulators.takeWebhookBodies();
  const config = { notifications: [{ events: EVENTS }] };
  const runtime = await spawnRuntime({ env: simulators.env, config, childOptions: { burst: 0 } });

  async function pollTwice() {
    for (let n = 0; n < 2; n += 1) expect((await runtime.poll()).status).toBe(200);
    await runtime.request("/ticks/cycles", { method: "POST" });
    await runtime.waitUntilIdle();
  }
  await pollTwice();
  expect(telegram.calls).toEqual([]);

  const [, , last] = items.slice(100);
  if (!last) throw new Error("no item");
  plane.editItem(last, { state: "Done" });
  simulators.takeWebhookBodies();
  await pollTwice();
  expect([...readCompletions(telegram, SIMULATED_CHAT).named.keys()]).toEqual([toItemKey(project, last)]);
  const before = telegram.calls.length;

  await runtime.kill();
  await runtime.start();
  await pollTwice();
  expect(telegram.calls).toHaveLength(before);

  await runtime.kill("SIGTERM");
  rmSync(join(runtime.folder, "data"), { recursive: true });
  await runtime.start();
  await pollTwice();
  expect(telegram.calls).toHaveLength(before);
}, 180_000);

test("a bulk edit of 200 items becomes one summary with a count, within Telegram's limits", async () => {
  const app = await createVirtualTimeApp({ outbox: { limits: TELEGRAM_LIMITS } });
  const { plane, telegram } = app;
  const project = app.addProject();
  const items = app.addItems(project, BULK_ITEMS + 1);
  await app.runFirstPoll();
  for (const item of items.slice(0, BULK_ITEMS)) plane.editItem(item, { state: "Done" });
  for (const body of app.takeWebhookBodies()) expect((await app.sendWebhook(body)).status).toBe(200);
  await app.waitUntilIdle();
  const { messages } = telegram.chat(SIMULATED_CHAT);
  expect(messages).toHaveLength(1);
  expect(messages[0]?.text).toContain(`✅ ${BULK_ITEMS} tasks completed in Onboarding (ONB): `);
  expect(readCompletions(telegram, SIMULATED_CHAT).total).toBe(BULK_ITEMS);
  expect(telegram.calls.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
});

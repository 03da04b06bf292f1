import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TELEGRAM_LIMITS } from "../../functions/telegram/limits.ts";
import { createHouse } from "./house.ts";
import { CHAT, keyOf, PATIENT, startOutside } from "./outside.ts";
import { startProcess } from "./process.ts";
import { sized } from "./random.ts";
import { toldOf } from "./told.ts";

const EVENTS = ["created", "completed", "cancelled", "renamed", "removed", "comment_added", "blocked", "cycle_started"];
const BULK = 200;

test("9: started against an existing workspace nothing old is announced, also after the store is deleted", async () => {
  const outside = await startOutside({ telegram: PATIENT });
  const { plane, telegram } = outside;
  const project = outside.project();
  const items = outside.items(project, sized(1_500, 150));
  for (const item of items.slice(0, 40)) plane.editItem(item, { state: "Done" });
  for (const item of items.slice(40, 60)) plane.addComment(item, "<p>from before</p>");
  for (const [n, item] of items.slice(60, 70).entries()) plane.relate(item, items[80 + n] ?? item);
  plane.addCycle(project, { name: "Before", start_date: "2026-01-01", end_date: "2027-12-31" });
  outside.bodies();
  const config = { notifications: [{ events: EVENTS }] };
  const runtime = await startProcess({ env: outside.env, config, handed: { burst: 0 } });

  async function lookTwice() {
    for (let n = 0; n < 2; n += 1) expect((await runtime.poll()).status).toBe(200);
    await runtime.ask("/ticks/cycles", { method: "POST" });
    await runtime.quiet();
  }
  await lookTwice();
  expect(telegram.calls).toEqual([]);

  const [, , last] = items.slice(100);
  if (!last) throw new Error("no item");
  plane.editItem(last, { state: "Done" });
  outside.bodies();
  await lookTwice();
  expect([...toldOf(telegram, CHAT).named.keys()]).toEqual([keyOf(project, last)]);
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
  const outside = await startOutside({ telegram: PATIENT });
  const { plane, telegram } = outside;
  const project = outside.project();
  const items = outside.items(project, 160);
  outside.bodies();
  const config = { notifications: [{ events: ["completed", "removed"] }] };
  const runtime = await startProcess({ env: outside.env, config, handed: { burst: 0 } });
  expect((await runtime.poll()).status).toBe(200);
  const wanted: string[] = [];
  for (const [n, item] of items.slice(0, 100).entries()) {
    if (n % 5 === 0) plane.deleteItem(item);
    else plane.editItem(item, { state: "Done" });
    wanted.push(`${n % 5 === 0 ? "🗑️ Removed" : "✅ Completed"}: ${keyOf(project, item)}`);
  }
  outside.bodies();
  expect((await runtime.poll()).status).toBe(200);
  await runtime.quiet();
  const heads = telegram.chat(CHAT).messages.map(({ text }) => /^\S+ [^:]+: [A-Z]+-\d+/.exec(text)?.[0]);
  expect(heads.toSorted()).toEqual(wanted.toSorted());
  expect(plane.ledger.requests.filter(({ status }) => status === 429)).toEqual([]);
}, 60_000);

test("a bulk edit of 200 items is one counted summary, within Telegram's own limits", async () => {
  const house = await createHouse({ outbox: { limits: TELEGRAM_LIMITS } });
  const { plane, telegram } = house;
  const project = house.project();
  const items = house.items(project, BULK + 1);
  await house.begin();
  for (const item of items.slice(0, BULK)) plane.editItem(item, { state: "Done" });
  for (const body of house.bodies()) expect((await house.send(body)).status).toBe(200);
  await house.quiet();
  const { messages } = telegram.chat(CHAT);
  expect(messages).toHaveLength(1);
  expect(messages[0]?.text).toContain(`✅ ${BULK} tasks completed in Onboarding (ONB): `);
  expect(toldOf(telegram, CHAT).total).toBe(BULK);
  expect(telegram.calls.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
});

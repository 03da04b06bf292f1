import { expect, test } from "vitest";
import { digestTick } from "../../../../functions/telegram/digest/digest.ts";
import { GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";

const ONLY_PROJECTS = { notifications: [{ events: ["project_completed"] }], progress: false };

test("a project of three cancelled tasks is closed without result, in Telegram and not in the digest's projects", async () => {
  const app = await createLiveMessagesApp({ config: ONLY_PROJECTS });
  const keys = ["One", "Two", "Three"].map((title) => app.toTaskKey(app.addTask(title)));
  await app.poll();
  for (const key of keys) await app.actAs("Ada").setStatus(key, { status: "cancelled" });
  await app.poll();
  await app.advanceAndDrain();
  expect(app.telegram.chat(GROUP_CHAT).messages.map(toPlainText)).toEqual([
    "✖️ Project closed without result: Onboarding (ONB)\n3 tasks cancelled",
  ]);
  app.time.now = Date.parse("2026-11-22T08:00:00Z");
  await digestTick.run(app.deps);
  await app.advanceAndDrain();
  expect(toPlainText(app.getBotMessages().at(-1))).toBe(
    "📋 Daily digest – Nov 22, 2026\n\n✅ Completed yesterday: none",
  );
});

test("a completed project comes with the sums of its tasks", async () => {
  const app = await createLiveMessagesApp({
    config: { ...ONLY_PROJECTS, budget: { amount: 100, currency: "EUR" } },
  });
  const cancelled = app.toTaskKey(app.addTask("Dropped"));
  const costs = [1.25, 2.5];
  const keys = costs.map((cost) => app.toTaskKey(app.addTask(`Task of ${cost}`, "Imhotep")));
  await app.poll();
  await app.actAs("Ada").setStatus(cancelled, { status: "cancelled" });
  for (const [i, key] of keys.entries()) {
    await app.actAs("Imhotep").setStatus(key, { status: "in_progress" });
    await app.actAs("Imhotep").startTimer(key);
    app.advance(600_000);
    await app.actAs("Imhotep").setStatus(key, { status: "done", text: "Done", confidence: 1, cost: costs[i] });
  }
  await app.poll();
  await app.advanceAndDrain();
  const [text = ""] = app.telegram.chat(GROUP_CHAT).messages.map(toPlainText);
  expect(text.split("\n").slice(0, 2)).toEqual([
    "🏁 Project completed: Onboarding (ONB)",
    "2 tasks completed, 1 task cancelled",
  ]);
  expect(text).toMatch(/\nTime spent: 20 min\nCost: €3\.75$/);
});

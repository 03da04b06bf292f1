import { expect, test } from "vitest";
import { digestTick } from "../../../../functions/telegram/digest/digest.ts";
import { toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../live-messages-app.ts";

const BUDGET = { budget: { amount: 100, currency: "EUR" } };

/** A task of Imhotep that is in progress, with a timer that has run for ten minutes. */
async function startTimedTask(app: LiveMessagesApp, title = "Write the mail"): Promise<string> {
  app.addTask("A task that keeps the project open");
  const key = await app.startTask("Imhotep", title);
  await app.actAs("Imhotep").startTimer(key);
  app.advance(600_000);
  return key;
}

test("NOTIF-04 the message about a completed task shows its summary, links to the deliverables, time and cost", async () => {
  const app = await createLiveMessagesApp({ config: { progress: false, ...BUDGET } });
  const key = await startTimedTask(app);
  await app.actAs("Imhotep").deliver({ task: key, name: "mail.md", file: new Blob(["# Hello"]) });
  const text = "The mail is **written**.\n\n- two versions\n- see [the draft](https://evil.example)";
  await app.actAs("Imhotep").setStatus(key, { status: "done", confidence: 1, text, cost: 1.5 });
  await app.advanceAndDrain();
  expect(toPlainText(app.findMessage("Completed")).split("\n")).toEqual([
    `✅ Completed: ${key} Write the mail`,
    "Result: The mail is written. two versions see the draft",
    "Deliverables: mail.md",
    "Project: Onboarding (ONB)",
    "Status: ✅ done",
    "Agent: Imhotep",
    "Time spent: 10 min",
    "Cost: €1.50",
  ]);
  const links = app.findMessage("Completed")?.entities.flatMap(({ url }) => url ?? []) ?? [];
  expect(links.filter((url) => url.includes("/attachments/"))).toHaveLength(1);
  expect(links.some((url) => url.includes("evil"))).toBe(false);
});

test("a note that counted as the summary is shown once, and not when a person completes the task again later", async () => {
  const app = await createLiveMessagesApp({ config: { progress: false } });
  const key = await startTimedTask(app);
  await app.actAs("Imhotep").comment(key, { text: "It is **finished**.", kind: "note" });
  await app.actAs("Imhotep").setStatus(key, { status: "done", confidence: 1 });
  await app.advanceAndDrain();
  expect(toPlainText(app.findMessage("Completed"))).toContain("Result: It is finished.");
  await app.actAs("Ada").setStatus(key, { status: "todo" });
  app.advance(60_000);
  await app.actAs("Ada").setStatus(key, { status: "done" });
  await app.advanceAndDrain();
  const messages = app.getBotMessages().map(toPlainText);
  expect(messages.filter((text) => text.includes("Completed"))).toHaveLength(2);
  expect(messages.filter((text) => text.includes("It is finished."))).toHaveLength(1);
});

test("a project of cancelled tasks is closed without result, in Telegram and not in the digest's projects", async () => {
  const app = await createLiveMessagesApp({
    config: { notifications: [{ events: ["project_completed"] }], progress: false },
  });
  const keys = ["One", "Two", "Three"].map((title) => app.toTaskKey(app.addTask(title)));
  await app.poll();
  for (const key of keys) await app.actAs("Ada").setStatus(key, { status: "cancelled" });
  await app.poll();
  await app.advanceAndDrain();
  expect(app.getBotMessages().map(toPlainText)).toEqual([
    "✖️ Project closed without result: Onboarding (ONB)\n3 tasks cancelled",
  ]);
  app.time.now = Date.parse("2026-11-22T08:00:00Z");
  await digestTick.run(app.deps);
  await app.advanceAndDrain();
  expect(toPlainText(app.getBotMessages().at(-1))).toBe(
    "📋 Daily digest – Nov 22, 2026\n\n✅ Completed yesterday: none",
  );
});

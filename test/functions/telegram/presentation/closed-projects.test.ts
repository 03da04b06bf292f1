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

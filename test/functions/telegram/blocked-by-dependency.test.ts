import { expect, test } from "vitest";
import { createLiveMessagesApp } from "./live-messages-app.ts";

/** A task of Thot waits for a task that is then cancelled; returns the bot's messages since then. */
async function cancelBlocker(notifications?: unknown) {
  const app = await createLiveMessagesApp(notifications ? { config: { notifications } } : {});
  const { plane } = app;
  const guide = app.addTask("Guide", "Imhotep");
  const tour = app.addTask("Tour", "Thot", { priority: "urgent" });
  await app.poll();
  plane.relate(tour, guide);
  await app.poll();
  await app.advanceAndDrain(40_000);
  const before = app.getBotMessages().length;
  plane.editItem(guide, { state: "Cancelled" }, { via: "browser" });
  await app.deliverWebhooks();
  await app.advanceAndDrain(40_000);
  await app.poll();
  await app.advanceAndDrain(40_000);
  return {
    app,
    texts: app
      .getBotMessages()
      .slice(before)
      .flatMap(({ text }) => text.split("\n")),
  };
}

test("a task whose blocker was cancelled is reported as blocked once, with the reason", async () => {
  const { texts } = await cancelBlocker();
  const isBlockedLine = (line: string) => line.includes("Blocked") && line.includes("Tour");
  expect(texts.filter(isBlockedLine)).toEqual([expect.stringContaining("Blocked by a dependency")]);
});

test("a chat whose rules do not contain `stuck` still gets that the task is blocked", async () => {
  const { texts } = await cancelBlocker([{ events: ["blocked"] }]);
  expect(texts.filter((line) => line.includes("Blocked") && line.includes("Tour"))).toHaveLength(1);
});

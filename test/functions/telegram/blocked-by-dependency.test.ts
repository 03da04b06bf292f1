import { expect, test } from "vitest";
import { createLiveMessagesApp } from "./live-messages-app.ts";

test.each([
  ["once, with the reason", undefined, /Blocked by a dependency/],
  ["to a chat whose rules do not contain `stuck`, too", [{ events: ["blocked"] }], /Blocked/],
])("a task whose blocker was cancelled is reported as blocked %s", async (_, notifications, report) => {
  const app = await createLiveMessagesApp(notifications ? { config: { notifications } } : {});
  const { plane } = app;
  const guide = app.addTask("Guide", "Imhotep");
  const tour = app.addTask("Tour", "Thot", { priority: "urgent" });
  await app.poll();
  plane.relate(tour, guide);
  await app.poll();
  await app.advanceAndDrain(30_000);
  const before = app.getBotMessages().length;
  plane.editItem(guide, { state: "Cancelled" }, { via: "browser" });
  await app.deliverWebhooks();
  await app.advanceAndDrain(30_000);
  await app.poll();
  await app.advanceAndDrain(30_000);
  const messages = app.getBotMessages().slice(before);
  const lines = messages.flatMap(({ text }) => text.split("\n"));
  expect(lines.filter((line) => line.includes("Blocked") && line.includes("Tour"))).toEqual([
    expect.stringMatching(report),
  ]);
});

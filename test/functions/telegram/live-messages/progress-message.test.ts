import { expect, test } from "vitest";
import { pickSize } from "../../../reliability/random-source.ts";
import { GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../live-messages-app.ts";

const findProgressMessage = (app: LiveMessagesApp) =>
  app.getBotMessages().find((message) => toPlainText(message).includes("Status: "));
const getEdits = (app: LiveMessagesApp) => app.telegram.calls.filter(({ method }) => method === "editMessageText");
const toGaps = (times: number[]) => times.slice(1).map((at, i) => at - (times[i] ?? 0));

test("live progress (NOTIF-07): a claimed task has one message, edited in place, with status, percent, agent, time spent and latest update", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep", "Write the mail");
  expect(toPlainText(findProgressMessage(app))).toBe(
    `🔵 ${key} Write the mail\nStatus: in progress\nAgent: Imhotep, since 08:00`,
  );
  await app.actAs("Imhotep").startTimer(key);
  app.advance(12 * 60_000);
  await app.actAs("Imhotep").report(key, { percent: 50, text: "Half of it is written" });
  await app.advanceAndDrain();
  expect(toPlainText(findProgressMessage(app))).toBe(
    `🔵 ${key} Write the mail\nStatus: in progress\n▓▓▓▓▓░░░░░ 50%\nAgent: Imhotep, since 08:00\n` +
      "Time spent: 12 min\n💬 Half of it is written",
  );
  expect(app.getBotMessages()).toHaveLength(1);
});

test("live progress (NOTIF-07): many reports in ten seconds cost at most one edit per five seconds, and the last one is shown", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep");
  const reports = pickSize(50, 10);
  for (let n = 1; n <= reports; n += 1) {
    await app.actAs("Imhotep").report(key, { percent: n, text: `Step ${n}` });
    await app.drain();
    app.advance(10_000 / reports);
  }
  await app.advanceAndDrain(10_000);
  expect(toPlainText(findProgressMessage(app))).toContain(`Step ${reports}`);
  const times = app.telegram.calls.map(({ at }) => at);
  expect(getEdits(app).length).toBeLessThanOrEqual(4);
  expect(Math.min(...toGaps(times))).toBeGreaterThanOrEqual(5_000);
});

test("live progress (NOTIF-07): a task keeps its message when it is claimed again; done, it gets a last edit and no further ones, and a deleted one is not sent again", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep");
  await app.restart();
  for (const [status, line] of [
    ["blocked", "Status: blocked"],
    ["in_progress", "Status: in progress"],
    ["done", "Status: done"],
  ] as const) {
    await app.actAs("Imhotep").setStatus(key, { status, text: "That is that", confidence: 1 });
    await app.advanceAndDrain(20_000);
    expect(toPlainText(findProgressMessage(app))).toContain(line);
    expect(app.getBotMessages().filter((message) => toPlainText(message).includes("Status: "))).toHaveLength(1);
  }
  const calls = app.telegram.calls.length;
  await app.advanceAndDrain(120_000);
  expect(app.telegram.calls).toHaveLength(calls);
  const other = await app.startTask("Imhotep", "Paint the door");
  app.telegram.removeMessage(GROUP_CHAT, app.findMessage("Paint the door")?.id ?? 0);
  await app.actAs("Imhotep").report(other, { percent: 30 });
  await app.advanceAndDrain(20_000);
  expect(app.findMessage("Paint the door")).toBeUndefined();
});

test("live progress (NOTIF-07): progress is not shown if it is turned off or the task is muted", async () => {
  const off = await createLiveMessagesApp({ config: { progress: false } });
  await off.startTask("Imhotep");
  expect(off.telegram.calls).toEqual([]);
  const muted = await createLiveMessagesApp();
  const before = await muted.startTask("Imhotep", "Write the mail");
  await muted.sendMessage("/plane mute ONB");
  await muted.startTask("Thot", "Paint the door");
  // The message of a task that is muted later goes on to say how the task stands.
  await muted.actAs("Imhotep").setStatus(before, { status: "done", text: "It is written", confidence: 1 });
  await muted.advanceAndDrain(20_000);
  expect(toPlainText(findProgressMessage(muted))).toContain("Status: done");
  expect(muted.findMessage("Paint the door")).toBeUndefined();
  expect(muted.findMessage("Completed")).toBeUndefined();
  // What needs a person is never muted.
  await muted.actAs("Thot").comment("ONB-2", { text: "The disk is full", kind: "error", critical: true });
  await muted.advanceAndDrain();
  expect(muted.findMessage("The disk is full")).toBeDefined();
});

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

import { expect, test } from "vitest";
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
  await app.advanceAndDrain(12 * 60_000);
  await app.actAs("Imhotep").report(key, { percent: 50, text: "Half of it is written" });
  await app.advanceAndDrain();
  expect(toPlainText(findProgressMessage(app))).toBe(
    `🔵 ${key} Write the mail\nStatus: in progress\n▓▓▓▓▓░░░░░ 50%\nAgent: Imhotep, since 08:00\n` +
      "Time spent: 12 min\n💬 Half of it is written",
  );
  expect(app.getBotMessages()).toHaveLength(1);
});

test("live progress (NOTIF-07): fifty reports in ten seconds cost at most one edit per five seconds, and the last one is shown", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep");
  for (let n = 1; n <= 50; n += 1) {
    await app.actAs("Imhotep").report(key, { percent: n, text: `Step ${n}` });
    await app.drain();
    app.advance(200);
  }
  await app.advanceAndDrain(10_000);
  expect(toPlainText(findProgressMessage(app))).toContain("50%");
  expect(toPlainText(findProgressMessage(app))).toContain("Step 50");
  const times = app.telegram.calls.map(({ at }) => at);
  expect(getEdits(app).length).toBeLessThanOrEqual(4);
  expect(Math.min(...toGaps(times))).toBeGreaterThanOrEqual(5_000);
});

test("live progress (NOTIF-07): a task keeps its message when it is claimed again; done, it gets a last edit and no further ones", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep");
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
});

test("live progress (NOTIF-07): progress continues after a restart, and a deleted message is not sent again", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep");
  await app.restart();
  await app.actAs("Imhotep").report(key, { percent: 20 });
  await app.advanceAndDrain(6_000);
  expect(toPlainText(findProgressMessage(app))).toContain("20%");
  app.telegram.removeMessage(GROUP_CHAT, findProgressMessage(app)?.id ?? 0);
  await app.actAs("Imhotep").report(key, { percent: 30 });
  await app.advanceAndDrain(20_000);
  expect(app.getBotMessages()).toEqual([]);
});

test("live progress (NOTIF-07): progress leaves the group's calls to notifications: ten busy tasks never delay a question (reliability 14)", async () => {
  const app = await createLiveMessagesApp();
  const keys: string[] = [];
  for (let n = 0; n < 10; n += 1) {
    const key = app.toTaskKey(app.addTask(`Task ${n}`, "Imhotep"));
    await app.poll();
    await app.actAs("Imhotep").setStatus(key, { status: "in_progress" });
    keys.push(key);
  }
  for (let n = 1; n <= 60; n += 1) {
    for (const key of keys) await app.actAs("Imhotep").report(key, { percent: n });
    await app.advanceAndDrain(1_000);
  }
  const before = app.time.now;
  const [first = ""] = keys;
  await app.askQuestion("Imhotep", first, { text: "May I go on?", choices: ["Yes"] });
  const message = app.findMessage("May I go on?");
  expect((message?.at ?? Number.POSITIVE_INFINITY) - before).toBeLessThan(5_000);
  expect(app.telegram.calls.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
});

test("live progress (NOTIF-07): progress is not shown if it is turned off or the task is muted", async () => {
  const off = await createLiveMessagesApp({ config: { progress: false } });
  await off.startTask("Imhotep");
  expect(off.telegram.calls).toEqual([]);
  const muted = await createLiveMessagesApp();
  await muted.telegram.postAsUser(GROUP_CHAT, 4711, "/plane mute ONB");
  await muted.pollUpdates();
  await muted.startTask("Imhotep");
  expect(findProgressMessage(muted)).toBeUndefined();
});

test("live progress (NOTIF-07): the message of a task that is muted later goes on to say how the task stands", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep", "Write the mail");
  await app.sendMessage("/plane mute ONB");
  await app.actAs("Imhotep").setStatus(key, { status: "done", text: "It is written", confidence: 1 });
  await app.advanceAndDrain(20_000);
  expect(toPlainText(findProgressMessage(app))).toContain("Status: done");
  expect(app.findMessage("Completed")).toBeUndefined();
});

test("live progress (NOTIF-07): progress is available in French and shows a hostile title and update as text (reliability 18)", async () => {
  const app = await createLiveMessagesApp({ env: { LOCALE: "fr" } });
  const title = "<b>_*[x](http://evil.example) @all \u202e`$(id)`; --flag";
  const key = await app.startTask("Imhotep", title);
  await app.actAs("Imhotep").report(key, { percent: 5, text: "#tag /start http://evil.example" });
  await app.advanceAndDrain(8_000);
  const [message] = app.getBotMessages();
  expect(toPlainText(message)).toContain("Statut : en cours");
  expect(toPlainText(message)).toContain("depuis 08:00");
  expect(toPlainText(message)).toContain("💬 #tag /start http://evil.example");
  expect(message?.entities.map(({ type }) => type).sort()).toEqual(["bold", "text_link"]);
});

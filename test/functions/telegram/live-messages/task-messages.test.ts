import { expect, test } from "vitest";
import { findRequest } from "../../../../shared/requests/requests.ts";
import { HOUR } from "../../../../shared/time.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { ADA_USER, GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../live-messages-app.ts";
import { createMessagesApp } from "../messages-app.ts";

const findProgressMessage = (app: LiveMessagesApp) =>
  app.getBotMessages().find((message) => toPlainText(message).includes("Status: "));
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
  expect(app.telegram.calls.filter(({ method }) => method === "editMessageText").length).toBeLessThanOrEqual(4);
  expect(Math.min(...toGaps(app.telegram.calls.map(({ at }) => at)))).toBeGreaterThanOrEqual(5_000);
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
  const reports = lines.filter((line) => line.includes("Blocked") && line.includes("Tour"));
  expect(reports).toEqual([expect.stringMatching(report)]);
});

/** Creates an app in which Imhotep is woken too; `replyAndWait` replies to a message until its wake was sent. */
async function createTaskReplyApp(config: Record<string, unknown> = {}) {
  const app = await createMessagesApp({
    agents: { Imhotep: { wake: "openclaw" } },
    config: { notifications: [{ name: "all", events: ["created", "completed", "asked"] }], ...config },
  });
  let taken = 0;
  const getTask = (key: string) => app.plane.items(app.onb).find((row) => app.toTaskKey(row) === key) ?? { id: "" };
  return Object.assign(app, {
    getTask,
    readTaskComments: (key: string) => app.readComments(getTask(key)).filter((html) => !html.includes("Agent card")),
    /** The wakes since this was called last. */
    takeWakes() {
      const fresh = app.getWakes().slice(taken);
      taken += fresh.length;
      return fresh;
    },
    lastReply: () => toPlainText(app.getBotMessages().at(-1)),
    async replyAndWait(part: string, text: string) {
      await app.replyTo(app.findMessage(part), text);
      await app.advanceAndDrain(10_000);
    },
  });
}

test("a reply to the progress message of a task is a comment in Plane and wakes its agent with the text as data; one with stop to any message about it ends the work", async () => {
  const app = await createTaskReplyApp();
  const key = await app.startTask("Imhotep");
  app.takeWakes();
  await app.replyAndWait("Status: in progress", "Please use <b>blue</b>\n[x](https://a.example)");
  const text = "<p>Please use &#60;b&#62;blue&#60;/b&#62;<br>[x](https://a.example)</p>";
  expect(app.readTaskComments(key)[0]).toBe(`Ada: <p><strong>Ada (Telegram)</strong> wrote:</p>${text}`);
  const [wake = "", ...more] = app.takeWakes();
  expect(more).toEqual([]);
  expect(wake).toContain("A person wrote to you about it");
  expect(wake).toContain('Please use <b>blue</b> [x](https://a.example)"');
  expect(app.lastReply()).toContain("Passed on to Imhotep: ONB-1");
  await app.askQuestion("Imhotep", key, { text: "Which colour?" });
  app.takeWakes();
  await app.replyAndWait("Which colour?", "Arrête !");
  expect(app.readPlaneItem(app.getTask(key)).state).toBe("Todo");
  expect(app.takeWakes().filter((wake) => wake.includes("stop at once"))).toHaveLength(1);
  expect(toPlainText(app.findMessage("Work stopped"))).toContain("Work stopped: ONB-1");
  await expect(app.actAs("Imhotep").report(key, { text: "x" })).rejects.toMatchObject({ code: "stopped" });
});

test("a reply to a message about several tasks needs a key, and one to a command's answer does not", async () => {
  const app = await createTaskReplyApp();
  app.addTask("First", "Imhotep");
  app.addTask("Second", "Imhotep");
  await app.deliverWebhooks();
  await app.poll();
  await app.advanceAndDrain(30_000);
  app.takeWakes();
  await app.replyAndWait("First", "faster, please");
  expect(app.lastReply()).toContain("Begin your reply with one of their keys: ONB-1, ONB-2");
  expect(app.takeWakes()).toEqual([]);
  await app.replyAndWait("First", "onb-2: faster, please");
  expect(app.readTaskComments("ONB-2")[0]).toContain("<p>faster, please</p>");
  expect(app.takeWakes().join()).toContain("faster, please");
  const [answer] = await app.sendMessage("/plane task ONB-1");
  await app.replyTo(answer, "and this one?");
  await app.advanceAndDrain(10_000);
  expect(app.readTaskComments("ONB-1")[0]).toContain("and this one?");
});

test("PEOPLE-02 /plane stop ends the work with its reason, in French too, and /plane task shows what the agent has not read", async () => {
  const app = await createTaskReplyApp();
  const key = await app.startTask("Imhotep");
  await app.replyTo(app.findMessage("Status: in progress"), "Use blue");
  await app.sendMessage(`/plane task ${key}`);
  expect(app.lastReply()).toMatch(/Imhotep has not read yet what Ada \(Telegram\) wrote: “Use blue”/);
  await app.sendMessage(`/plane arrêter ${key} wrong customer`);
  expect(app.lastReply()).toContain(`Work stopped: ${key}`);
  await expect(app.actAs("Imhotep").details(key)).rejects.toMatchObject({
    code: "stopped",
    message: expect.stringMatching(/was stopped by Ada \(Telegram\) at .*, who wrote: "stop: wrong customer"/),
  });
  await app.advanceAndDrain(10_000);
  expect(app.readTaskComments(key).filter((html) => html.includes("wrong customer"))).toHaveLength(1);
});

async function askColour(app: LiveMessagesApp) {
  const key = await app.startTask("Imhotep", "Paint the door");
  const asked = { text: "Which colour?\nThe logo has both.", choices: ["Blue", "Red"] };
  const question = await app.askQuestion("Imhotep", key, asked);
  return { key, question, message: () => app.findMessage("Which colour?") };
}

const readAnswer = async (app: LiveMessagesApp, id: string) => (await findRequest(app, id))?.value.verdict;

test("a question is a separate message with a button for each choice, in the thread of its task; a reply answers it", async () => {
  const app = await createLiveMessagesApp();
  const { key, question, message } = await askColour(app);
  expect(toPlainText(message())).toBe(
    `❓ Question from Imhotep: ${key} Paint the door\nWhich colour?\nThe logo has both.\n` +
      "Press a button, or reply to this message with your own answer.",
  );
  expect(app.getButtonLabels(message())).toEqual(["Blue", "Red"]);
  expect(message()?.replyTo).toBe(app.getBotMessages()[0]?.id);
  const before = app.getBotMessages().length;
  // What cannot be seen is left out of an answer in words.
  await app.replyTo(message(), "\u200fGreen\u200b,\r\nplease");
  expect(await readAnswer(app, question.id)).toMatchObject({ comment: "Green,\nplease" });
  expect(app.getBotMessages()).toHaveLength(before);
});

/** How often a press is made and delivered. */
const TIMES = pickSize(50, 5);

test("a question pressed again and again, and one press delivered again and again, has one answer and one edit (reliability 15)", async () => {
  const app = await createLiveMessagesApp();
  const { question, message } = await askColour(app);
  const id = message()?.id ?? 0;
  const presses = [];
  for (let n = 0; n < TIMES; n += 1)
    presses.push(
      await app.telegram.press(GROUP_CHAT, ADA_USER, id, `r:${question.id}:${n % 2}.${question.hash.slice(0, 12)}`),
    );
  for (let n = 0; n < TIMES; n += 1) await app.storeUpdate(presses[0]?.update, "again");
  await app.pollUpdates();
  expect(presses.map(({ answers }) => answers.length)).toEqual(presses.map(() => 1));
  expect(await readAnswer(app, question.id)).toMatchObject({ comment: "Blue" });
  const edits = app.telegram.calls.filter(({ method, messageId }) => method === "editMessageText" && messageId === id);
  expect(edits).toHaveLength(1);
  const comments = app.readComments({ id: question.subject.item ?? "" });
  expect(comments.filter((comment) => comment.includes("Answer"))).toHaveLength(1);
});

test("a question shows choices in full in its text if they are many, long or hostile", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep", "<b>_*[x](http://evil.example) @all /start \u202e");
  const choices = ["x".repeat(90), "\u202e`rm -rf`", ...Array.from({ length: 8 }, (_, n) => `Choice ${n}`)];
  const question = await app.askQuestion("Imhotep", key, { text: "Pick @one of #these", choices });
  const message = app.findMessage("Pick @one");
  expect(app.getButtonLabels(message)).toHaveLength(8);
  expect(app.getButtonLabels(message)?.[0]).toBe(`${"x".repeat(39)}…`);
  expect(toPlainText(message)).toContain(`1. ${"x".repeat(90)}\n2. \`rm -rf\`\n`);
  expect(toPlainText(message)).toContain("10. Choice 7");
  expect(message?.entities.map(({ type }) => type)).not.toContain("mention");
  expect(await app.tapButton(message, `${"x".repeat(39)}…`)).toContain("Answered by Ada (Telegram): xxx");
  expect(await readAnswer(app, question.id)).toMatchObject({ comment: choices[0] });
});

/** Creates a task that its agent has finished with low confidence. */
async function createReview(app: LiveMessagesApp, title = "Write the terms") {
  const key = await app.startTask("Imhotep", title);
  await app.actAs("Imhotep").setStatus(key, { status: "done", confidence: 0.55, text: "Two clauses are guesses." });
  await app.advanceAndDrain(8_000);
  const [item] = app.plane.items(app.onb);
  if (!item) throw new Error("no item");
  return { key, item, message: () => app.findMessage("Review requested") };
}

test("a review (OPENCLAW-12) applies to the shown state: what has changed is approved neither by a reply nor an old button (reliability 27)", async () => {
  const app = await createLiveMessagesApp();
  const { key, item, message } = await createReview(app);
  const old = message()?.buttons.flat()[0]?.callback_data ?? "";
  const changed = `${key} has changed. Read it again before you approve it.`;
  app.plane.editItem(item, { description_html: "<p>Something else entirely</p>", name: "Sign the terms" });
  expect(await app.tapButton(message(), "✅ Approve")).toBe(changed);
  const why = "Changed since this message was sent: title, description. Review the task again before you approve it.";
  expect(toPlainText(message())).toContain(why);
  expect(toPlainText(message())).toContain("Sign the terms");
  await app.tapButtonData(message()?.id ?? 0, old);
  expect(app.readPlaneItem(item).labels).toContain("review");
  app.plane.editItem(item, { name: "Sign all terms" });
  for (let n = 0; n < 2; n += 1) {
    await app.replyTo(message(), "ok");
    expect(toPlainText(app.getBotMessages().at(-1))).toBe(changed);
    expect(app.readPlaneItem(item).labels).toContain("review");
  }
  await app.tapButton(message(), "✅ Approve");
  expect(app.readPlaneItem(item).state).toBe("Done");
});

test("a review (OPENCLAW-12) is a separate message that shows the agent's confidence, and a reply after Send back gives the reason", async () => {
  const app = await createLiveMessagesApp();
  const { key, item, message } = await createReview(app);
  expect(toPlainText(message())).toBe(
    `🔍 Review requested: ${key} Write the terms\nConfidence of Imhotep: 55%\nTwo clauses are guesses.\n` +
      "Approve the task, or reply to this message with what is missing.",
  );
  expect(app.getButtonLabels(message())).toEqual(["✅ Approve", "↩️ Send back"]);
  expect(message()?.replyTo).toBe(app.getBotMessages()[0]?.id);
  expect(await app.tapButton(message(), "↩️ Send back")).toBe("Reply with the reason, or press again.");
  expect(app.readPlaneItem(item).labels).toContain("review");
  expect(app.getButtonLabels(message())).toEqual(["↩️ Send back without a reason", "✅ Approve"]);
  await app.restart();
  await app.replyTo(message(), "Too long");
  expect(toPlainText(message())).toContain("↩️ Sent back by Ada (Telegram): \nToo long");
  expect(app.readPlaneItem(item)).toMatchObject({ state: "Todo", labels: ["agent:Imhotep"] });
  expect(app.readComments(item).join()).toContain("Too long");
});

test("one edited message lists what waits for a person, and moves to the end of the chat as their one reminder", async () => {
  const app = await createLiveMessagesApp();
  const titles = ["One", "Two", "Three"];
  const keys: string[] = [];
  for (const title of titles) {
    const key = app.toTaskKey(app.addTask(title, "Imhotep"));
    await app.poll();
    await app.askQuestion("Imhotep", key, { text: `**${title}**?` });
    keys.push(key);
  }
  await app.advanceAndDrain(10_000);
  const findLists = () => app.getBotMessages().filter((message) => /^(?:🙋|⬇️|✅ Nothing)/u.test(toPlainText(message)));
  const [list, ...others] = findLists();
  expect(others).toEqual([]);
  const lines = titles.map((title, n) => `❓ ${keys[n]} ${title} (Imhotep, since 08:00): ${title}?`);
  expect(toPlainText(list)).toBe(["🙋 3 wait for you", ...lines].join("\n"));
  expect(list?.entities.filter(({ type }) => type === "text_link")).toHaveLength(3);
  const before = app.getBotMessages().length;
  app.advance(HOUR);
  await app.advanceAndDrain(120_000);
  expect(app.getBotMessages()).toHaveLength(before + 1);
  expect(findLists().map((message) => toPlainText(message).split("\n")[0])).toEqual([
    "⬇️ The list of what waits for you is further down.",
    "🙋 3 wait for you",
  ]);
  for (const title of titles) {
    await app.replyTo(app.findMessage(`\n${title}?`), "yes");
    await app.advanceAndDrain(10_000);
  }
  expect(toPlainText(findLists().at(-1))).toBe("✅ Nothing waits for you.");
});

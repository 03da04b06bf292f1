import { expect, test } from "vitest";
import { toPlainText } from "../commands/commands-app.ts";
import { createMessagesApp } from "../messages-app.ts";

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

test("a reply to the progress message of a task is a comment in Plane and wakes its agent with the text as data", async () => {
  const app = await createTaskReplyApp();
  const key = await app.startTask("Imhotep");
  app.takeWakes();
  await app.replyAndWait("Status: in progress", "Please use <b>blue</b>\n[x](https://a.example)");
  expect(app.readTaskComments(key)[0]).toBe(
    "Ada: <p><strong>Ada (Telegram)</strong> wrote:</p><p>Please use &#60;b&#62;blue&#60;/b&#62;<br>[x](https://a.example)</p>",
  );
  const [wake = "", ...more] = app.takeWakes();
  expect(more).toEqual([]);
  expect(wake).toContain("A person wrote to you about it");
  expect(wake).toContain('Please use <b>blue</b> [x](https://a.example)"');
  expect(app.lastReply()).toContain("Passed on to Imhotep: ONB-1");
});

test("a reply with stop to any message about a task ends the work", async () => {
  const app = await createTaskReplyApp();
  const key = await app.startTask("Imhotep");
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

import { expect, test } from "vitest";
import { ADA_USER, GROUP_CHAT, STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";

const BOB_USER = 4712;
const ADA = { email: "ada@javisi.local.test", telegram: ADA_USER };
const BOB = { email: "bob@javisi.local.test", telegram: BOB_USER, language: "fr" };

/** A team whose list names Ada and Bob, who has a chat of his own with the bot. @param people what the list says */
async function createTeam(people: object[] = [ADA, BOB], env: Record<string, string> = {}) {
  const users: Record<string, { id: string }> = {};
  const app = await createLiveMessagesApp({
    chats: [GROUP_CHAT, BOB_USER],
    config: { people },
    env,
    setUpPlane(plane) {
      users["bob"] = plane.addUser({ name: "Bob" });
      return {};
    },
  });
  return Object.assign(app, { bob: users["bob"] ?? { id: "" } });
}

test("a person whose number the list names gives commands without TELEGRAM_ALLOWED_USERS, in the group and in their own chat", async () => {
  const app = await createTeam([BOB], { TELEGRAM_ALLOWED_USERS: "" });
  expect(await app.sendMessage("/plane help", { from: BOB_USER })).toHaveLength(1);
  expect(await app.sendMessage("/plane help", { from: BOB_USER, chat: BOB_USER })).toHaveLength(1);
  expect(await app.sendMessage("/plane help", { from: STRANGER_USER, chat: BOB_USER })).toEqual([]);
  expect(await app.sendMessage("/plane help", { from: ADA_USER })).toEqual([]);
});

test("an allowed number that the list does not name gives commands in the group only, under Telegram's name", async () => {
  const app = await createTeam([BOB], { TELEGRAM_ALLOWED_USERS: `${STRANGER_USER}` });
  expect(await app.sendMessage("/plane help", { from: STRANGER_USER })).toHaveLength(1);
  expect(await app.sendMessage("/plane help", { from: STRANGER_USER, chat: BOB_USER })).toEqual([]);
});

test("what the list says wins: an allowed number of somebody who is not in the workspace gets no reply", async () => {
  const app = await createTeam([{ email: "zoe@javisi.local.test", telegram: ADA_USER }]);
  expect(await app.sendMessage("/plane help", { from: ADA_USER })).toEqual([]);
  const lines = app.logged.filter(({ message }) => message === "telegram update not answered");
  expect(lines.at(-1)).toMatchObject({ user: ADA_USER, why: "the person is not in Plane's workspace" });
});

test("a person's own chat is in their language, the group in its own", async () => {
  const app = await createTeam();
  const [own] = await app.sendMessage("/plane status", { from: BOB_USER, chat: BOB_USER });
  expect(toPlainText(own)).toContain("Aucun agent ne travaille");
  const [shared] = await app.sendMessage("/plane status", { from: BOB_USER });
  expect(toPlainText(shared)).toContain("No agent is working");
});

test("notifications in a chat that is a person's own are in their language", async () => {
  const app = await createTeam([ADA, BOB], { TELEGRAM_CHAT_ID: String(BOB_USER) });
  const key = await app.startTask("Imhotep", "Write the terms");
  await app.askQuestion("Imhotep", key, { text: "Which colour?" });
  expect(app.getBotMessages(BOB_USER).map(toPlainText).join("\n")).toContain("Question – Imhotep");
});

test("an answer has the person's name in the message, and in Plane's comment as text", async () => {
  const app = await createTeam();
  const key = await app.startTask("Imhotep", "Write the terms");
  await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  await app.tapButton(app.findMessage("Which colour?"), "Blue", BOB_USER);
  expect(toPlainText(app.findMessage("Which colour?"))).toContain("Answered by bob");
  const [item = { id: "" }] = app.plane.items(app.onb.id);
  expect(app.readComments(item).join("\n")).toContain("Answer</strong> (bob)");
});

test("of two who answer at once the first one's name stands, and the other is told whose", async () => {
  const app = await createTeam();
  const key = await app.startTask("Imhotep", "Write the terms");
  await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  const shown = structuredClone(app.findMessage("Which colour?"));
  await app.tapButton(shown, "Blue", BOB_USER);
  expect(await app.tapButton(shown, "Red", ADA_USER)).toBe("Answered by bob: Blue");
  expect(toPlainText(app.findMessage("Which colour?"))).toContain("Answered by bob: \nBlue");
});

test("a person who is named like an agent, or like somebody else, is told apart by the address", async () => {
  const app = await createTeam();
  app.plane.editMember(app.bob, { displayName: "Imhotep" });
  await app.poll();
  const key = await app.startTask("Imhotep", "Write the terms");
  await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  await app.tapButton(app.findMessage("Which colour?"), "Blue", BOB_USER);
  expect(toPlainText(app.findMessage("Which colour?"))).toContain("Answered by Imhotep (bob@javisi.local.test)");
});

test("a member sees and changes only what is in their projects, an admin everything", async () => {
  const app = await createTeam();
  const secret = app.plane.addProject({ name: "Secret", identifier: "SEC", members: [app.human] });
  const item = app.plane.addItem(secret, { name: "Buy the moon" });
  app.addTask("Write the terms");
  await app.poll();
  const own = { from: BOB_USER, chat: BOB_USER };
  expect((await app.sendMessage("/plane status", own)).map(toPlainText).join()).not.toMatch(/SEC|moon/);
  expect((await app.sendMessage("/plane task SEC-1", own)).map(toPlainText).join()).not.toContain("moon");
  expect((await app.sendMessage("/plane project SEC", own)).map(toPlainText).join()).not.toContain("moon");
  await app.sendMessage("/plane priority SEC-1 high", { from: BOB_USER });
  expect(app.plane.item(item)?.priority).toBe("none");
  expect((await app.sendMessage("/plane task SEC-1", { from: ADA_USER })).map(toPlainText).join()).toContain("moon");
  await app.sendMessage("/plane priority SEC-1 high", { from: ADA_USER });
  expect(app.plane.item(item)?.priority).toBe("high");
});

test("a guest reads, and is told that only members act: by a command, a button, a remark and a wish", async () => {
  const app = await createTeam([ADA, { ...BOB, language: "en" }]);
  const key = await app.startTask("Imhotep", "Write the terms");
  await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  app.plane.editMember(app.bob, { role: 5 });
  await app.poll();
  const from = { from: BOB_USER };
  const refusal = "⚠️ Only members and admins of the Plane workspace may do this.";
  expect((await app.sendMessage(`/plane task ${key}`, from)).map(toPlainText).join()).toContain("Write the terms");
  for (const text of [`/plane priority ${key} high`, `/plane stop ${key}`, `/plane comment ${key} no`])
    expect((await app.sendMessage(text, from)).map(toPlainText), text).toEqual([refusal]);
  await app.tapButton(app.findMessage("Which colour?"), "Blue", BOB_USER);
  expect(toPlainText(app.findMessage("Which colour?"))).not.toContain("Answered");
  expect(app.plane.items(app.onb.id)[0]?.priority).toBe("none");
});

test("who may have left a project no longer reads in their own chat, which the log says", async () => {
  const app = await createTeam();
  app.plane.removeProjectMember(app.onb, BOB.email);
  await app.poll();
  expect(await app.sendMessage("/plane status", { from: BOB_USER, chat: BOB_USER })).toEqual([]);
  const lines = app.logged.filter(({ message }) => message === "telegram update not answered");
  expect(lines.at(-1)).toMatchObject({ user: BOB_USER, why: "the person may have left a project" });
});

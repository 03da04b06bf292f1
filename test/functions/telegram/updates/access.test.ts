import { expect, test } from "vitest";
import { pickSize } from "../../../reliability/random-source.ts";
import {
  ADA_USER,
  BOB,
  BOB_USER,
  createCommandsApp,
  createTeamOptions,
  GROUP_CHAT,
  STRANGER_USER,
  toPlainText,
} from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";
import { createMessagesApp } from "../messages-app.ts";

test("authorized users (reliability 17): neither a message nor a press of a user who is not on the list, nor a forwarded one, has an effect or a reply", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Send the welcome mail");
  await app.runFirstPoll();
  const before = app.logged.length;
  // A forwarded message is not a command of the user who forwards it.
  const as = { forward_origin: { type: "user", date: 1, sender_user: { id: STRANGER_USER } } };
  await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, "/plane help", { as });
  expect(await app.sendMessage("/plane status", { from: STRANGER_USER })).toEqual([]);
  const lines = app.logged.slice(before).filter(({ message }) => message === "telegram update not answered");
  expect(lines).toMatchObject([{ user: STRANGER_USER, chat: GROUP_CHAT }]);
  expect(app.telegram.calls).toEqual([]);
  const [question] = await app.sendMessage("/plane cancel welcome");
  expect(await app.tapButton(question, /ONB-1/, STRANGER_USER)).toBe("");
  expect(app.readPlaneItem(item).state).toBe("Backlog");
  // Neither do messages to others in a group and commands for another bot have a reply.
  const ofOthers = ["hello", "status", "/status", "/plane@other_bot status", "see /plane status", "/planes", "/start"];
  for (const text of ofOthers) expect(await app.sendMessage(text), text).toEqual([]);
  expect(await app.sendAndGetReply("/plane@Groundcrew_Bot help")).toContain("/plane status");
});

test("authorized users (reliability 17): a chat configured as @name is recognized by its name, and strangers stay strangers", async () => {
  const app = await createCommandsApp({ env: { TELEGRAM_CHAT_ID: "@Crew_Room" }, chats: ["@Crew_Room"] });
  for (const [id, username, user, replies] of [
    [1, "other_room", ADA_USER, 0],
    [2, "crew_room", STRANGER_USER, 0],
    [3, "crew_room", ADA_USER, 1],
  ] as const) {
    const chat = { id: -1, type: "supergroup", username };
    const message = { message_id: 5, from: { id: user }, text: "/plane help", chat };
    await app.storeUpdate({ update_id: id, message });
    await app.runUntilIdle();
    expect(app.getBotMessages("@Crew_Room"), username).toHaveLength(replies);
  }
});

test("repeated updates: the same update_id again and again has one effect and one reply (reliability 15)", async () => {
  const app = await createCommandsApp();
  await app.runFirstPoll();
  const update = await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, "/plane new ONB Only once");
  for (let n = 0; n < 50; n += pickSize(1, 5)) {
    await app.storeUpdate(update, `again-${n}`);
    if (n === 10) await app.pollUpdates();
    if (n % 10 === 5) await app.runUntilIdle();
  }
  await app.runUntilIdle();
  expect(app.plane.items(app.onb)).toHaveLength(1);
  expect(app.getBotMessages()).toHaveLength(1);
});

test("a person whose number the list names gives commands without TELEGRAM_ALLOWED_USERS, in the group and in their own chat", async () => {
  const app = await createLiveMessagesApp({ ...createTeamOptions([BOB]), env: { TELEGRAM_ALLOWED_USERS: "" } });
  expect(await app.sendMessage("/plane help", { from: BOB_USER })).toHaveLength(1);
  expect(await app.sendMessage("/plane help", { from: BOB_USER, chat: BOB_USER })).toHaveLength(1);
  expect(await app.sendMessage("/plane help", { from: STRANGER_USER, chat: BOB_USER })).toEqual([]);
  expect(await app.sendMessage("/plane help", { from: ADA_USER })).toEqual([]);
});

test("free text is never the answer to what the Concierge asked somebody else", async () => {
  const app = await createMessagesApp({ ...createTeamOptions(), chats: [GROUP_CHAT, ADA_USER, BOB_USER] });
  const write = async (from: number, text: string) =>
    (await app.sendMessage(text, { from, chat: from })).map(toPlainText);
  await write(ADA_USER, "Add a dark mode");
  const wish = /asked-for:update:\d+/.exec(app.getWakes().at(-1) ?? "")?.[0];
  await app.messageHuman({ kind: "ask", text: "For the blog, too?", choices: ["Yes", "No"], wish });
  expect(await write(BOB_USER, "Write a newsletter about hats")).toEqual(["📨 Sent to Concierge."]);
  const answered = ["💡 Sent to Concierge as the answer to “For the blog, too?”."];
  expect(await write(ADA_USER, "Only for the shop")).toEqual(answered);
});

test("who may have left a project no longer reads in their own chat, which the log says", async () => {
  const app = await createLiveMessagesApp(createTeamOptions());
  app.plane.removeProjectMember(app.onb, BOB.email);
  await app.poll();
  expect(await app.sendMessage("/plane status", { from: BOB_USER, chat: BOB_USER })).toEqual([]);
  const lines = app.logged.filter(({ message }) => message === "telegram update not answered");
  expect(lines.at(-1)).toMatchObject({ user: BOB_USER, why: "the person may have left a project" });
});

test("what the list says wins: an allowed number of somebody who is not in the workspace gets no reply", async () => {
  const app = await createLiveMessagesApp(createTeamOptions([{ email: "zoe@javisi.local.test", telegram: ADA_USER }]));
  expect(await app.sendMessage("/plane help", { from: ADA_USER })).toEqual([]);
  const lines = app.logged.filter(({ message }) => message === "telegram update not answered");
  expect(lines.at(-1)).toMatchObject({ user: ADA_USER, why: "the person is not in Plane's workspace" });
});

const SUPERGROUP_CHAT = -1_001_234_567_890;

async function createUpgradedGroup() {
  const app = await createLiveMessagesApp({ chats: [GROUP_CHAT, SUPERGROUP_CHAT] });
  app.telegram.upgradeToSupergroup(GROUP_CHAT, SUPERGROUP_CHAT);
  return app;
}

test("a group that becomes a supergroup gets its messages and is heard under its new id, authorized users only", async () => {
  const app = await createUpgradedGroup();
  const key = await app.startTask("Imhotep", "Paint the door");
  await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  const findQuestion = () =>
    app.getBotMessages(SUPERGROUP_CHAT).find((message) => toPlainText(message).includes("Which colour?"));
  expect(app.logged.filter(({ to }) => to === SUPERGROUP_CHAT)).toMatchObject([{ level: "error", chat: GROUP_CHAT }]);
  expect(await app.store.listDeadJobs("outbox")).toEqual([]);
  const question = findQuestion();
  expect(await app.tapButton(question, "Red", STRANGER_USER, SUPERGROUP_CHAT)).toBe("");
  expect(await app.tapButton(question, "Red", ADA_USER, SUPERGROUP_CHAT)).toBe("Answered by Ada (Telegram): Red");
  expect(toPlainText(findQuestion())).toContain("Answered by Ada (Telegram)");
  for (const chat of [SUPERGROUP_CHAT, SUPERGROUP_CHAT - 1])
    await app.telegram.postAsUser(chat, ADA_USER, `/plane task ${key}`);
  await app.pollUpdates();
  const answers = app.getBotMessages(SUPERGROUP_CHAT).filter((message) => toPlainText(message).includes("Status:"));
  expect(answers.at(-1)?.replyTo).toBeDefined();
});

test("a group that becomes a supergroup has its commands answered at once, also when nothing was sent in between", async () => {
  const app = await createUpgradedGroup();
  const report = (chat: number, fields: object) =>
    app.telegram.postAsUser(chat, ADA_USER, "", { as: { text: undefined, ...fields } });
  await report(GROUP_CHAT, { migrate_to_chat_id: SUPERGROUP_CHAT });
  await report(SUPERGROUP_CHAT, { migrate_from_chat_id: GROUP_CHAT });
  // Neither another group nor a chat that is no supergroup is followed.
  await report(SUPERGROUP_CHAT - 1, { migrate_from_chat_id: GROUP_CHAT - 1 });
  await report(ADA_USER, { migrate_from_chat_id: GROUP_CHAT });
  await app.telegram.postAsUser(SUPERGROUP_CHAT, ADA_USER, "/plane status");
  await app.telegram.postAsUser(SUPERGROUP_CHAT - 1, ADA_USER, "/plane status");
  await app.pollUpdates();
  expect(app.getBotMessages(SUPERGROUP_CHAT).map(toPlainText)).toEqual([expect.stringContaining("Status")]);
  expect(app.telegram.calls.map(({ chat }) => chat)).toEqual([String(SUPERGROUP_CHAT)]);
});

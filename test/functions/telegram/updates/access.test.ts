import { expect, test } from "vitest";
import { createUpdateJob } from "../../../../shared/jobs/incoming-jobs.ts";
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

test("authorized users (reliability 17): neither a message nor a press of a user who is not on the list has an effect or a reply", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Send the welcome mail");
  await app.runFirstPoll();
  const before = app.logged.length;
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

test("authorized users (reliability 17): a forwarded message is not a command of the user who forwards it", async () => {
  const app = await createCommandsApp();
  const as = { forward_origin: { type: "user", date: 1, sender_user: { id: STRANGER_USER } } };
  await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, "/plane help", { as });
  await app.pollUpdates();
  expect(app.getBotMessages()).toEqual([]);
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
    const job = createUpdateJob({ update_id: id, message }, `c${id}`);
    await app.store.commit({ jobs: job ? [job] : [] });
    await app.runUntilIdle();
    expect(app.getBotMessages("@Crew_Room"), username).toHaveLength(replies);
  }
});

test("repeated updates: the same update_id again and again has one effect and one reply (reliability 15)", async () => {
  const app = await createCommandsApp();
  await app.runFirstPoll();
  const update = await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, "/plane new ONB Only once");
  for (let n = 0; n < 50; n += pickSize(1, 5)) {
    const job = createUpdateJob(update, `again-${n}`);
    if (job) await app.store.commit({ jobs: [job] });
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
  expect(await write(ADA_USER, "Only for the shop")).toEqual([
    "💡 Sent to Concierge as the answer to “For the blog, too?”.",
  ]);
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

import { expect, test } from "vitest";
import { getWishText, readOpenWishes } from "../../../../shared/tasks/wishes.ts";
import { ADA_USER, GROUP_CHAT, STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";
import { createMessagesApp } from "../messages-app.ts";

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

test("free text is never the answer to what the Concierge asked somebody else", async () => {
  const app = await createMessagesApp({
    chats: [GROUP_CHAT, ADA_USER, BOB_USER],
    config: { people: [ADA, { ...BOB, language: "en" }] },
    setUpPlane(plane) {
      plane.addUser({ name: "Bob" });
      return {};
    },
  });
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

test("texts that follow at once are one wish only of one user in one chat, also where first names are the same", async () => {
  const app = await createMessagesApp({
    chats: [GROUP_CHAT, BOB_USER],
    config: { people: [BOB] },
    env: { TELEGRAM_ALLOWED_USERS: `${ADA_USER},${STRANGER_USER}` },
    setUpPlane(plane) {
      plane.addUser({ name: "Bob" });
      return {};
    },
  });
  const write = async (from: number, chat: number, text: string) =>
    (await app.sendMessage(chat === GROUP_CHAT ? `@groundcrew_bot ${text}` : text, { from, chat })).map(toPlainText);
  const receipt = ["📨 Sent to Concierge."];
  // Both are called Ada in Telegram, and neither is in the list.
  expect(await write(ADA_USER, GROUP_CHAT, "Add a dark mode")).toEqual(receipt);
  expect(await write(STRANGER_USER, GROUP_CHAT, "Write the newsletter")).toEqual(receipt);
  expect(await write(BOB_USER, BOB_USER, "Call the printer")).toEqual(["📨 Transmis à Concierge."]);
  expect(await write(BOB_USER, GROUP_CHAT, "Plan the party")).toEqual(receipt);
  expect(await write(BOB_USER, GROUP_CHAT, "with music")).toEqual([]);
  expect((await readOpenWishes(app.deps, "Concierge")).map(getWishText)).toEqual([
    "Add a dark mode",
    "Write the newsletter",
    "Call the printer",
    "Plan the party\nwith music",
  ]);
});

test("what the list says wins: an allowed number of somebody who is not in the workspace gets no reply", async () => {
  const app = await createTeam([{ email: "zoe@javisi.local.test", telegram: ADA_USER }]);
  expect(await app.sendMessage("/plane help", { from: ADA_USER })).toEqual([]);
  const lines = app.logged.filter(({ message }) => message === "telegram update not answered");
  expect(lines.at(-1)).toMatchObject({ user: ADA_USER, why: "the person is not in Plane's workspace" });
});

test("who may have left a project no longer reads in their own chat, which the log says", async () => {
  const app = await createTeam();
  app.plane.removeProjectMember(app.onb, BOB.email);
  await app.poll();
  expect(await app.sendMessage("/plane status", { from: BOB_USER, chat: BOB_USER })).toEqual([]);
  const lines = app.logged.filter(({ message }) => message === "telegram update not answered");
  expect(lines.at(-1)).toMatchObject({ user: BOB_USER, why: "the person may have left a project" });
});

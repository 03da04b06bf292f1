import { expect, test } from "vitest";
import { ADA_USER, GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";
import { createMessagesApp } from "../messages-app.ts";

type MessagesApp = Awaited<ReturnType<typeof createMessagesApp>>;

/** Writes in the group and returns the texts of the bot's replies. */
async function write(app: MessagesApp, text: string, more: { replyTo?: number; as?: object; topic?: number } = {}) {
  await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, text, more);
  const sentId = app.telegram.chat(GROUP_CHAT).messages.at(-1)?.id;
  await app.pollUpdates();
  return app.getBotMessages().filter((message) => message.replyTo === sentId);
}
const readTexts = async (...args: Parameters<typeof write>) => (await write(...args)).map(toPlainText);
const readWishTexts = (app: MessagesApp) =>
  app.gateway.runs.map(({ message }): unknown => JSON.parse(message.split("\n").at(-1) ?? "{}"));

test("in a group, a mention of the bot is for the Concierge, without the mention", async () => {
  const app = await createMessagesApp();
  expect(await readTexts(app, "@Groundcrew_Bot: how far is the landing page?")).toEqual(["📨 Sent to Concierge."]);
  expect(readWishTexts(app)).toMatchObject([{ text: "how far is the landing page?" }]);
  app.advance(60_000);
  await readTexts(app, "Ask @groundcrew_bot about the blog");
  expect(readWishTexts(app).at(-1)).toMatchObject({ text: "Ask about the blog" });
});

test("in a group, messages to others, mentions of others and media are not read", async () => {
  const app = await createMessagesApp();
  for (const text of ["how far is the landing page?", "status", "@other_bot status", "ada@groundcrew_bot.example"])
    expect(await readTexts(app, text), text).toEqual([]);
  expect(await readTexts(app, "", { as: { text: undefined, voice: { file_id: "x" } } })).toEqual([]);
  expect(app.getBotMessages()).toEqual([]);
  expect(app.getWakes()).toEqual([]);
});

test("in a group, a reply to a message of the bot is for the Concierge; one to a person is not read", async () => {
  const app = await createMessagesApp();
  await app.messageHuman({ text: "Dark mode is live." });
  const replyTo = app.findMessage("Dark mode is live")?.id ?? 0;
  expect(await readTexts(app, "And the blog?", { replyTo })).toEqual(["📨 Sent to Concierge."]);
  expect(readWishTexts(app)).toMatchObject([
    { text: "(in reply to “💬 Message from Concierge: Dark mode is live.”) And the blog?" },
  ]);
  expect(await readTexts(app, "", { replyTo, as: { text: undefined, voice: { file_id: "x" } } })).toEqual([
    "ℹ️ Only text is read. Write what you need as a message.",
  ]);
  await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, "I am here");
  const person = app.telegram.chat(GROUP_CHAT).messages.at(-1)?.id ?? 0;
  expect(await readTexts(app, "So am I", { replyTo: person })).toEqual([]);
  expect(app.getWakes()).toHaveLength(1);
});

test("in a forum, a message is not a reply to the one that began its topic, and answers stay in the topic", async () => {
  const app = await createMessagesApp();
  const as = { reply_to_message: { message_id: 44, from: { id: 1000 } } };
  expect(await readTexts(app, "Nobody asked the bot", { topic: 44, as })).toEqual([]);
  const [receipt] = await write(app, "@groundcrew_bot how far is the blog?", { topic: 44, as });
  expect(receipt?.topic).toBe(44);
  await app.messageHuman({ text: "At 20%." });
  expect(app.findMessage("At 20%")).toMatchObject({ topic: 44, replyTo: receipt?.replyTo });
});

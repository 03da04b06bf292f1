import { expect, test } from "vitest";
import { replyLane } from "../../../../shared/jobs/outgoing-jobs.ts";
import { type ChatMessage, chatMessageSet } from "../../../../shared/telegram/message-log.ts";
import {
  createNotices,
  createOutboxSetup,
  enqueueNotices,
  getChatTexts,
  OUTBOX_CHAT,
  type OutboxSetup,
} from "../outbox-setup.ts";

const BUTTONS = [[{ text: "Yes", data: "pick:a:0" }]];
const createBoldEntities = (text: string) => [{ type: "bold", offset: 0, length: text.length }];

async function enqueue({ store }: OutboxSetup, id: string, body: object) {
  const json = JSON.parse(JSON.stringify({ chat: OUTBOX_CHAT, correlation: "c1", ...body }));
  await store.commit({ jobs: [{ id, queue: "outbox", lane: replyLane(OUTBOX_CHAT), body: json }] });
}

const createReply = (text: string, more: object = {}) => ({
  type: "reply",
  answer: { rich: { text, entities: createBoldEntities(text) }, language: "en", ...more },
});
const createReplacement = (messageId: number, text: string, more: object = {}) => ({
  type: "replacement",
  show: { messageId, rich: { text, entities: [] }, language: "en", ...more },
});

const readChatMessages = async ({ store }: OutboxSetup) =>
  (await store.scan<ChatMessage>(chatMessageSet)).rows.map(({ value }) => value);

test("a reply is sent with its formatting and buttons in its topic, and the dashboard shows it", async () => {
  const setup = await createOutboxSetup();
  setup.telegram.setTopic(OUTBOX_CHAT, 3, "open");
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.runUntilEmpty();
  await enqueue(setup, "answer:1", createReply("Yes or no?", { buttons: BUTTONS, replyTo: 1, topic: 3 }));
  await setup.runUntilEmpty();
  expect(setup.telegram.chat(OUTBOX_CHAT).messages.at(-1)).toMatchObject({
    text: "Yes or no?",
    replyTo: 1,
    topic: 3,
    entities: createBoldEntities("Yes or no?"),
    buttons: [[{ text: "Yes", callback_data: "pick:a:0" }]],
  });
  const [shown] = (await readChatMessages(setup)).filter(({ text }) => text === "Yes or no?");
  expect(shown).toMatchObject({ chat: String(OUTBOX_CHAT), messageId: 2, buttons: BUTTONS });
});

test("a replaced text changes the message, also on the dashboard, or is sent anew where it was deleted", async () => {
  const setup = await createOutboxSetup();
  await enqueue(setup, "answer:1", createReply("Yes or no?", { buttons: BUTTONS }));
  await enqueue(setup, "show:2", createReplacement(1, "Yes."));
  await setup.runUntilEmpty();
  expect(setup.telegram.chat(OUTBOX_CHAT).messages).toMatchObject([{ text: "Yes.", buttons: [] }]);
  const [shown] = await readChatMessages(setup);
  expect(shown).toMatchObject({ text: "Yes.", entities: [] });
  expect(shown?.buttons).toBeUndefined();
  expect(shown?.history).toHaveLength(2);
  setup.telegram.removeMessage(OUTBOX_CHAT, 1);
  await enqueue(setup, "show:3", createReplacement(1, "No.", { buttons: BUTTONS }));
  await setup.runUntilEmpty();
  expect(setup.telegram.chat(OUTBOX_CHAT).messages).toMatchObject([{ text: "No.", buttons: [[{ text: "Yes" }]] }]);
});

test("a reply without an answer of Telegram is repeated once, marked in the user's language (reliability 14)", async () => {
  const setup = await createOutboxSetup();
  setup.telegram.injectFaults({ kind: "lost" });
  await enqueue(setup, "answer:1", createReply("Bonjour", { language: "fr" }));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram)).toEqual(["Bonjour", "Bonjour\n(doublon possible)"]);
});

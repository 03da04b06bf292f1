import { expect, test } from "vitest";
import { replyLane } from "../../../../shared/jobs/outgoing-jobs.ts";
import type { Json } from "../../../../shared/omit-undefined.ts";
import { type ChatMessage, chatMessageSet } from "../../../../shared/telegram/message-log.ts";
import { handleUntilCrash, REPEAT_MARK, repeatForEachStep } from "../outbox-crashes.ts";
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

async function enqueueAnswer(
  { store }: Pick<OutboxSetup, "store">,
  id: string,
  body: { [field: string]: Json },
  chat: number = OUTBOX_CHAT,
) {
  await store.commit({ jobs: [{ id, queue: "outbox", lane: replyLane(chat), body: { ...body, chat } }] });
}

const createAnswerBody = (text: string, more: object = {}) => ({
  type: "reply",
  answer: JSON.parse(JSON.stringify({ rich: { text, entities: createBoldEntities(text) }, language: "en", ...more })),
  correlation: "c1",
});
const createUpdateBody = (messageId: number, text: string, more: object = {}) => ({
  type: "replacement",
  show: JSON.parse(JSON.stringify({ messageId, rich: { text, entities: [] }, language: "en", ...more })),
  correlation: "c2",
});

const readChatMessages = async ({ store }: OutboxSetup) =>
  (await store.scan<ChatMessage>(chatMessageSet)).rows.map(({ value }) => value);

test("a reply is sent with its formatting and buttons in its topic, and the dashboard shows it", async () => {
  const setup = await createOutboxSetup();
  setup.telegram.setTopic(OUTBOX_CHAT, 3, "open");
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.runUntilEmpty();
  await enqueueAnswer(setup, "answer:1", createAnswerBody("Yes or no?", { buttons: BUTTONS, replyTo: 1, topic: 3 }));
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

test("a replaced text changes the message, also on the dashboard, and its buttons are removed", async () => {
  const setup = await createOutboxSetup();
  await enqueueAnswer(setup, "answer:1", createAnswerBody("Yes or no?", { buttons: BUTTONS }));
  await enqueueAnswer(setup, "show:2", createUpdateBody(1, "Yes."));
  await setup.runUntilEmpty();
  expect(setup.telegram.chat(OUTBOX_CHAT).messages).toMatchObject([{ text: "Yes.", buttons: [] }]);
  const [shown] = await readChatMessages(setup);
  expect(shown).toMatchObject({ text: "Yes.", entities: [] });
  expect(shown?.buttons).toBeUndefined();
  expect(shown?.history).toHaveLength(2);
});

test("the replacement of a deleted message is sent as a new message", async () => {
  const setup = await createOutboxSetup();
  await enqueueAnswer(setup, "answer:1", createAnswerBody("Yes or no?"));
  await setup.runUntilEmpty();
  setup.telegram.removeMessage(OUTBOX_CHAT, 1);
  await enqueueAnswer(setup, "show:2", createUpdateBody(1, "Yes.", { buttons: BUTTONS }));
  await setup.runUntilEmpty();
  expect(setup.telegram.chat(OUTBOX_CHAT).messages).toMatchObject([{ text: "Yes.", buttons: [[{ text: "Yes" }]] }]);
});

test("a reply is sent once (reliability 14): a send without an answer is repeated once, and the repeat is marked in the user's language", async () => {
  const setup = await createOutboxSetup();
  setup.telegram.injectFaults({ kind: "lost" });
  await enqueueAnswer(setup, "answer:1", createAnswerBody("Bonjour", { language: "fr" }));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram)).toEqual(["Bonjour", "Bonjour\n(doublon possible)"]);
});

test.each(["before", "after"] as const)(
  "a reply is sent once (reliability 14): a crash %s each step loses nothing and marks a repeat",
  async (when) => {
    let marked = 0;
    await repeatForEachStep(async (at) => {
      const setup = await createOutboxSetup();
      await enqueueAnswer(setup, "answer:1", createAnswerBody("Hello"));
      if (!(await handleUntilCrash(setup, at, when))) return false;
      setup.time.now += setup.jobHandler.leaseMs;
      await setup.runUntilEmpty();
      expect((await setup.store.stats()).queues.outbox.pending, `step ${at}`).toBe(0);
      const [first, second, ...more] = getChatTexts(setup.telegram);
      expect([first === "Hello" || first === `Hello\n${REPEAT_MARK}`, more], `step ${at}`).toEqual([true, []]);
      if (second !== undefined) {
        expect(second).toBe(`Hello\n${REPEAT_MARK}`);
        marked += 1;
      }
      return true;
    });
    expect(marked).toBe(1);
  },
);

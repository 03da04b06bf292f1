import { expect, test } from "vitest";
import { replyLane } from "../../../../shared/jobs/outbox-jobs.ts";
import type { Json } from "../../../../shared/store/port.ts";
import { type ChatMessage, chatMessageSet } from "../../../../shared/telegram/message-log.ts";
import { crashOutboxAt, REPEAT_MARK, takeOutboxJob } from "../outbox-crashes.ts";
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
  body: Json,
  chat: number = OUTBOX_CHAT,
) {
  await store.commit({ jobs: [{ id, queue: "outbox", lane: replyLane(chat), body }] });
}

const createAnswerBody = (text: string, more: object = {}): Json => ({
  answer: JSON.parse(JSON.stringify({ rich: { text, entities: createBoldEntities(text) }, language: "en", ...more })),
  correlation: "c1",
});
const createUpdateBody = (messageId: number, text: string, more: object = {}): Json => ({
  show: JSON.parse(JSON.stringify({ messageId, rich: { text, entities: [] }, language: "en", ...more })),
  correlation: "c2",
});

const readChatMessages = async ({ store }: OutboxSetup) =>
  (await store.scan<ChatMessage>(chatMessageSet)).rows.map(({ value }) => value);

test("a reply is sent with its formatting and buttons in its topic, and the dashboard shows it", async () => {
  const rig = await createOutboxSetup();
  rig.telegram.setTopic(OUTBOX_CHAT, 3, "open");
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.runUntilEmpty();
  await enqueueAnswer(rig, "answer:1", createAnswerBody("Yes or no?", { buttons: BUTTONS, replyTo: 1, topic: 3 }));
  await rig.runUntilEmpty();
  expect(rig.telegram.chat(OUTBOX_CHAT).messages.at(-1)).toMatchObject({
    text: "Yes or no?",
    replyTo: 1,
    topic: 3,
    entities: createBoldEntities("Yes or no?"),
    buttons: [[{ text: "Yes", callback_data: "pick:a:0" }]],
  });
  const [shown] = (await readChatMessages(rig)).filter(({ text }) => text === "Yes or no?");
  expect(shown).toMatchObject({ chat: String(OUTBOX_CHAT), messageId: 2, buttons: BUTTONS });
});

test("a replaced text changes the message, also on the dashboard, and its buttons are removed", async () => {
  const rig = await createOutboxSetup();
  await enqueueAnswer(rig, "answer:1", createAnswerBody("Yes or no?", { buttons: BUTTONS }));
  await enqueueAnswer(rig, "show:2", createUpdateBody(1, "Yes."));
  await rig.runUntilEmpty();
  expect(rig.telegram.chat(OUTBOX_CHAT).messages).toMatchObject([{ text: "Yes.", buttons: [] }]);
  const [shown] = await readChatMessages(rig);
  expect(shown).toMatchObject({ text: "Yes.", entities: [] });
  expect(shown?.buttons).toBeUndefined();
  expect(shown?.shown).toHaveLength(2);
});

test("the replacement of a deleted message is sent as a new message", async () => {
  const rig = await createOutboxSetup();
  await enqueueAnswer(rig, "answer:1", createAnswerBody("Yes or no?"));
  await rig.runUntilEmpty();
  rig.telegram.removeMessage(OUTBOX_CHAT, 1);
  await enqueueAnswer(rig, "show:2", createUpdateBody(1, "Yes.", { buttons: BUTTONS }));
  await rig.runUntilEmpty();
  expect(rig.telegram.chat(OUTBOX_CHAT).messages).toMatchObject([{ text: "Yes.", buttons: [[{ text: "Yes" }]] }]);
});

test("a reply is sent once (reliability 14): a send without an answer is repeated once, and the repeat says so in the user's language", async () => {
  const rig = await createOutboxSetup();
  rig.telegram.injectFaults({ kind: "lost" });
  await enqueueAnswer(rig, "answer:1", createAnswerBody("Bonjour", { language: "fr" }));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram)).toEqual(["Bonjour", "Bonjour\n(doublon possible)"]);
});

test("a reply is sent once (reliability 14): a reply refused with 429 is sent after the wait", async () => {
  const rig = await createOutboxSetup();
  rig.telegram.injectFaults({ kind: "too_many", seconds: 30 }, { kind: "too_many", seconds: 3 });
  const began = rig.time.now;
  await enqueueAnswer(rig, "answer:1", createAnswerBody("one"));
  await enqueueAnswer(rig, "show:2", createUpdateBody(1, "two"));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram)).toEqual(["two"]);
  expect(rig.telegram.calls.filter(({ outcome }) => outcome === "429")).toHaveLength(2);
  expect(rig.time.now - began).toBeGreaterThanOrEqual(33_000);
});

test("a reply is sent once (reliability 14): 429 on an edit of notifications delays the replies of the chat too", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.handleDueJobs();
  rig.telegram.injectFaults({ kind: "too_many", seconds: 30 });
  await enqueueNotices(rig.store, createNotices(2, 2));
  await rig.runUntilEmpty(5_000);
  await enqueueAnswer(rig, "answer:1", createAnswerBody("one"));
  await rig.runUntilEmpty();
  const [, refused, next] = rig.telegram.calls;
  expect(refused).toMatchObject({ method: "editMessageText", outcome: "429" });
  expect((next?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(30_000);
  expect(getChatTexts(rig.telegram)).toContain("one");
});

test.each(["before", "after"] as const)(
  "a reply is sent once (reliability 14): a crash %s each step loses nothing and marks a repeat",
  async (when) => {
    let marked = 0;
    for (let at = 0; ; at += 1) {
      const rig = await createOutboxSetup();
      await enqueueAnswer(rig, "answer:1", createAnswerBody("Hello"));
      const killed = crashOutboxAt(rig, at, when);
      await rig.handleJob(await takeOutboxJob(rig), killed.deps).catch(() => {});
      if (!killed.dead()) break;
      rig.time.now += rig.jobHandler.leaseMs;
      await rig.runUntilEmpty();
      expect((await rig.store.stats()).queues.outbox.pending, `step ${at}`).toBe(0);
      const [first, second, ...more] = getChatTexts(rig.telegram);
      expect([first === "Hello" || first === `Hello\n${REPEAT_MARK}`, more], `step ${at}`).toEqual([true, []]);
      if (second !== undefined) {
        expect(second).toBe(`Hello\n${REPEAT_MARK}`);
        marked += 1;
      }
    }
    expect(marked).toBeLessThanOrEqual(1);
  },
);

test.each(["before", "after"] as const)(
  "a reply is sent once (reliability 14): a crash %s each step of an edit leaves the message with its new text",
  async (when) => {
    for (let at = 0; ; at += 1) {
      const rig = await createOutboxSetup();
      await enqueueAnswer(rig, "answer:1", createAnswerBody("one", { buttons: BUTTONS }));
      await rig.runUntilEmpty();
      rig.time.now += 2_000;
      await enqueueAnswer(rig, "show:2", createUpdateBody(1, "two"));
      const killed = crashOutboxAt(rig, at, when);
      await rig.handleJob(await takeOutboxJob(rig), killed.deps).catch(() => {});
      if (!killed.dead()) return;
      rig.time.now += rig.jobHandler.leaseMs;
      await rig.runUntilEmpty();
      expect(rig.telegram.chat(OUTBOX_CHAT).messages, `step ${at}`).toMatchObject([{ text: "two", buttons: [] }]);
    }
  },
);

test("a storm of notifications in a group does not delay replies", async () => {
  const GROUP = -7;
  const rig = await createOutboxSetup({ burst: 0, chats: [GROUP] });
  await enqueueNotices(rig.store, createNotices(1, 60), GROUP);
  await rig.runUntilEmpty(25_000);
  const enqueuedAt = rig.time.now;
  await enqueueAnswer(rig, "answer:1", createAnswerBody("Here you are"), GROUP);
  await rig.runUntilEmpty(2_000);
  const call = rig.telegram.calls.find(({ text }) => text === "Here you are");
  expect((call?.at ?? Number.POSITIVE_INFINITY) - enqueuedAt).toBeLessThanOrEqual(2_000);
  await rig.runUntilEmpty();
  expect(rig.telegram.calls.filter(({ outcome }) => outcome === "429")).toEqual([]);
});

test("a job with an unknown body in the lane of replies becomes a dead letter", async () => {
  const rig = await createOutboxSetup();
  await enqueueAnswer(rig, "answer:1", { answer: { text: "?" }, correlation: "c" });
  await rig.runUntilEmpty(1_000);
  expect(await rig.store.listDeadJobs("outbox")).toHaveLength(1);
});

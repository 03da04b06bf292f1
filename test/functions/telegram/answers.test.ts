import { describe, expect, test } from "vitest";
import { answersLane } from "../../../functions/telegram/chat.ts";
import type { Json } from "../../../shared/store/port.ts";
import { type ChatMessage, messages } from "../../../shared/why/chat.ts";
import { CHAT, createRig, notices, put, type Rig, texts } from "./rig.ts";
import { killedAt, MARK, takeOne } from "./steps.ts";

const BUTTONS = [[{ text: "Yes", data: "pick:a:0" }]];
const entities = (text: string) => [{ type: "bold", offset: 0, length: text.length }];

async function outboxed({ store }: Pick<Rig, "store">, id: string, body: Json, chat: number = CHAT) {
  await store.commit({ jobs: [{ id, queue: "outbox", lane: answersLane(chat), body }] });
}

const answer = (text: string, more: object = {}): Json => ({
  answer: JSON.parse(JSON.stringify({ rich: { text, entities: entities(text) }, language: "en", ...more })),
  correlation: "c1",
});
const show = (messageId: number, text: string, more: object = {}): Json => ({
  show: JSON.parse(JSON.stringify({ messageId, rich: { text, entities: [] }, language: "en", ...more })),
  correlation: "c2",
});

const seen = async ({ store }: Rig) => (await store.scan<ChatMessage>(messages)).rows.map(({ value }) => value);

test("an answer is sent with its marks and buttons, as a reply in its topic, and the page shows it", async () => {
  const rig = await createRig();
  rig.telegram.setTopic(CHAT, 3, "open");
  await put(rig.store, notices(1, 1));
  await rig.run();
  await outboxed(rig, "answer:1", answer("Yes or no?", { buttons: BUTTONS, replyTo: 1, topic: 3 }));
  await rig.run();
  expect(rig.telegram.chat(CHAT).messages.at(-1)).toMatchObject({
    ...{ text: "Yes or no?", replyTo: 1, topic: 3, entities: entities("Yes or no?") },
    buttons: [[{ text: "Yes", callback_data: "pick:a:0" }]],
  });
  const [shown] = (await seen(rig)).filter(({ text }) => text === "Yes or no?");
  expect(shown).toMatchObject({ chat: String(CHAT), messageId: 2, buttons: BUTTONS });
});

test("what a message says from now on takes its place, on the page too, and its buttons go", async () => {
  const rig = await createRig();
  await outboxed(rig, "answer:1", answer("Yes or no?", { buttons: BUTTONS }));
  await outboxed(rig, "show:2", show(1, "Yes."));
  await rig.run();
  expect(rig.telegram.chat(CHAT).messages).toMatchObject([{ text: "Yes.", buttons: [] }]);
  const [shown] = await seen(rig);
  expect(shown).toMatchObject({ text: "Yes.", entities: [] });
  expect(shown?.buttons).toBeUndefined();
  expect(shown?.shown).toHaveLength(2);
});

test("a message that is gone is said anew", async () => {
  const rig = await createRig();
  await outboxed(rig, "answer:1", answer("Yes or no?"));
  await rig.run();
  rig.telegram.remove(CHAT, 1);
  await outboxed(rig, "show:2", show(1, "Yes.", { buttons: BUTTONS }));
  await rig.run();
  expect(rig.telegram.chat(CHAT).messages).toMatchObject([{ text: "Yes.", buttons: [[{ text: "Yes" }]] }]);
});

describe("an answer is said once (reliability 14)", () => {
  test("a sending whose answer is lost is repeated once, and says so in the person's language", async () => {
    const rig = await createRig();
    rig.telegram.meet({ kind: "lost" });
    await outboxed(rig, "answer:1", answer("Bonjour", { language: "fr" }));
    await rig.run();
    expect(texts(rig.telegram)).toEqual(["Bonjour", "Bonjour\n(peut-être une répétition)"]);
  });

  test("429 is waited out", async () => {
    const rig = await createRig();
    rig.telegram.meet({ kind: "too_many", seconds: 30 }, { kind: "too_many", seconds: 3 });
    const began = rig.time.now;
    await outboxed(rig, "answer:1", answer("one"));
    await outboxed(rig, "show:2", show(1, "two"));
    await rig.run();
    expect(texts(rig.telegram)).toEqual(["two"]);
    expect(rig.telegram.calls.filter(({ outcome }) => outcome === "429")).toHaveLength(2);
    expect(rig.time.now - began).toBeGreaterThanOrEqual(33_000);
  });

  test("429 on an edit of the chat's notices holds the answers too: nothing is asked for early", async () => {
    const rig = await createRig();
    await put(rig.store, notices(1, 1));
    await rig.due();
    rig.telegram.meet({ kind: "too_many", seconds: 30 });
    await put(rig.store, notices(2, 2));
    await rig.run(5_000);
    await outboxed(rig, "answer:1", answer("one"));
    await rig.run();
    const [, refused, next] = rig.telegram.calls;
    expect(refused).toMatchObject({ method: "editMessageText", outcome: "429" });
    expect((next?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(30_000);
    expect(texts(rig.telegram)).toContain("one");
  });

  test.each(["before", "after"] as const)("a kill %s each step loses nothing, and a repeat is marked", async (when) => {
    let marked = 0;
    for (let at = 0; ; at += 1) {
      const rig = await createRig();
      await outboxed(rig, "answer:1", answer("Hello"));
      const killed = killedAt(rig, at, when);
      await rig.work(await takeOne(rig), killed.deps).catch(() => {});
      if (!killed.dead()) break;
      rig.time.now += rig.worker.ttl;
      await rig.run();
      expect((await rig.store.stats()).queues.outbox.pending, `step ${at}`).toBe(0);
      const [first, second, ...more] = texts(rig.telegram);
      expect([first === "Hello" || first === `Hello\n${MARK}`, more], `step ${at}`).toEqual([true, []]);
      if (second !== undefined) {
        expect(second).toBe(`Hello\n${MARK}`);
        marked += 1;
      }
    }
    expect(marked).toBeLessThanOrEqual(1);
  });

  test.each(["before", "after"] as const)(
    "a kill %s each step of an edit leaves the message as it should be",
    async (when) => {
      for (let at = 0; ; at += 1) {
        const rig = await createRig();
        await outboxed(rig, "answer:1", answer("one", { buttons: BUTTONS }));
        await rig.run();
        rig.time.now += 2_000;
        await outboxed(rig, "show:2", show(1, "two"));
        const killed = killedAt(rig, at, when);
        await rig.work(await takeOne(rig), killed.deps).catch(() => {});
        if (!killed.dead()) return;
        rig.time.now += rig.worker.ttl;
        await rig.run();
        expect(rig.telegram.chat(CHAT).messages, `step ${at}`).toMatchObject([{ text: "two", buttons: [] }]);
      }
    },
  );
});

test("a storm of notices in a group keeps nobody who asks waiting", async () => {
  const GROUP = -7;
  const rig = await createRig({ burst: 0, chats: [GROUP] });
  await put(rig.store, notices(1, 60), GROUP);
  await rig.run(25_000);
  const asked = rig.time.now;
  await outboxed(rig, "answer:1", answer("Here you are"), GROUP);
  await rig.run(2_000);
  const call = rig.telegram.calls.find(({ text }) => text === "Here you are");
  expect((call?.at ?? Number.POSITIVE_INFINITY) - asked).toBeLessThanOrEqual(2_000);
  await rig.run();
  expect(rig.telegram.calls.filter(({ outcome }) => outcome === "429")).toEqual([]);
});

test("a job of the answers' lane that fits no version is set aside, not guessed at", async () => {
  const rig = await createRig();
  await outboxed(rig, "answer:1", { answer: { text: "?" }, correlation: "c" });
  await rig.run(1_000);
  expect(await rig.store.dead("outbox")).toHaveLength(1);
});

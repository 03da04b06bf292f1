import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createTelegramSimulator } from "../../../simulators/telegram/telegram-simulator.ts";

const answerSchema = z.looseObject({
  ok: z.boolean(),
  description: z.string().optional(),
  result: z.unknown().optional(),
});

const CHAT = 42;
const GROUP = -7;

async function startTelegram() {
  const time = { now: 1_000_000 };
  const telegram = createTelegramSimulator({
    clock: () => time.now,
    token: "1:x",
    chats: [CHAT, GROUP],
    limits: { tolerance: 0 },
  });
  const root = await telegram.start();
  onTestFinished(() => telegram.stop());
  const call = async (method: string, body: unknown, token = "1:x") => {
    const response = await fetch(`${root}/bot${token}/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, ...answerSchema.parse(await response.json()) };
  };
  const send = (text: string, entities: unknown[] = [], chat: number = CHAT) => {
    time.now += 1_000;
    return call("sendMessage", { chat_id: chat, text, entities });
  };
  return { time, telegram, call, send };
}

/** Texts with entities that Telegram does not take. */
const REFUSED: [string, string, object[]][] = [
  ["an empty text", " \n", []],
  ["a text of 4,097 UTF-16 units", `${"😀".repeat(2_048)}a`, []],
  ["half a surrogate pair", "\ud83d", []],
  ["an entity beyond the end", "abc", [{ type: "bold", offset: 2, length: 2 }]],
  ["an empty entity", "abc", [{ type: "bold", offset: 1, length: 0 }]],
  ["an entity that begins inside a surrogate pair", "😀a", [{ type: "bold", offset: 1, length: 1 }]],
  ["an entity that ends inside a surrogate pair", "a😀", [{ type: "bold", offset: 0, length: 2 }]],
  [
    "entities that overlap partly",
    "abc",
    [
      { type: "bold", offset: 0, length: 2 },
      { type: "code", offset: 1, length: 2 },
    ],
  ],
  ["a link without an address", "abc", [{ type: "text_link", offset: 0, length: 1 }]],
  ["an unknown entity type", "abc", [{ type: "blink", offset: 0, length: 1 }]],
];

test("the simulated Telegram refuses texts and entities that the Bot API refuses", async () => {
  const { send, telegram } = await startTelegram();
  for (const [name, text, entities] of REFUSED)
    expect(await send(text, entities), name).toMatchObject({ status: 400, ok: false });
  expect(telegram.chat(CHAT).messages).toEqual([]);
});

test("the simulated Telegram refuses: an unknown chat, and an option that is not simulated", async () => {
  const { send, call } = await startTelegram();
  expect(await send("x", [], 99)).toMatchObject({ description: "Bad Request: chat not found" });
  expect(await call("sendMessage", { chat_id: CHAT, text: "x", parse_mode: "HTML" })).toMatchObject({ status: 400 });
});

test("the simulated Telegram refuses: an edit of a missing message, and an edit that changes nothing", async () => {
  const { send, call, time } = await startTelegram();
  await send("x");
  time.now += 1_000;
  const same = await call("editMessageText", { chat_id: CHAT, message_id: 1, text: "x" });
  expect(same.description).toContain("message is not modified");
  time.now += 1_000;
  const missing = await call("editMessageText", { chat_id: CHAT, message_id: 2, text: "x" });
  expect(missing.description).toBe("Bad Request: message to edit not found");
});

test("the simulated Telegram refuses links to host names without a dot, and too many bytes of entities", async () => {
  const { send } = await startTelegram();
  const link = (url: string, offset = 0) => ({ type: "text_link", offset, length: 1, url });
  for (const url of ["http://localhost:8080/x", "http://plane/x"])
    expect(await send("a", [link(url)])).toMatchObject({ status: 400, description: expect.stringMatching(/HTTP URL/) });
  for (const url of ["http://192.168.1.4/x", "http://[::1]/x"])
    expect(await send("a", [link(url)])).toMatchObject({ ok: true });
  const many = Array.from({ length: 90 }, (_, n) => link(`https://plane.example.com/${"x".repeat(80)}`, n));
  expect(await send("a".repeat(90), many)).toMatchObject({ description: "Bad Request: ENTITIES_TOO_LONG" });
});

test("a message with a thread id is accepted for a topic of a forum, not for replies in another group", async () => {
  const { call, telegram, time } = await startTelegram();
  const sendIntoTopic = (topic: number) => {
    time.now += 1_000;
    return call("sendMessage", { chat_id: GROUP, text: "x", message_thread_id: topic });
  };
  await telegram.postAsUser(GROUP, 7, "one");
  expect(await telegram.postAsUser(GROUP, 7, "two", { replyTo: 1 })).toMatchObject({
    message: { message_thread_id: 1 },
  });
  expect(await sendIntoTopic(1)).toMatchObject({ description: "Bad Request: message thread not found" });
  const inTopic = { message: { message_thread_id: 9, is_topic_message: true } };
  expect(await telegram.postAsUser(GROUP, 7, "three", { topic: 9 })).toMatchObject(inTopic);
  expect(await sendIntoTopic(9)).toMatchObject({ ok: true });
});

test("the simulated Telegram limits the bot to one message per second in a chat", async () => {
  const { send, time } = await startTelegram();
  expect(await send("a")).toMatchObject({ ok: true });
  time.now -= 1;
  expect(await send("b")).toMatchObject({ status: 429, parameters: { retry_after: 1 } });
});

test("the simulated Telegram limits the bot to twenty messages per minute in a group", async () => {
  const { send } = await startTelegram();
  const answers = [];
  for (let n = 0; n < 21; n += 1) answers.push(await send(`${n}`, [], GROUP));
  expect(answers.map(({ status }) => status).indexOf(429)).toBe(20);
  expect(answers.at(-1)).toMatchObject({ parameters: { retry_after: 40 } });
});

test("the simulated Telegram limits the bot with another 429 when it calls too early after a 429", async () => {
  const { send, telegram } = await startTelegram();
  telegram.injectFaults({ kind: "too_many", seconds: 3 });
  expect(await send("a")).toMatchObject({ parameters: { retry_after: 3 } });
  expect(await send("a")).toMatchObject({ parameters: { retry_after: 2 } });
  await send("a");
  expect(await send("a")).toMatchObject({ ok: true });
});

test("the data of a button must have 1 to 64 bytes, not characters", async () => {
  const { call, time } = await startTelegram();
  const sendWithData = (data: string) =>
    call("sendMessage", {
      chat_id: CHAT,
      text: "x",
      reply_markup: { inline_keyboard: [[{ text: "b", callback_data: data }]] },
    });
  expect(await sendWithData("é".repeat(32))).toMatchObject({ ok: true });
  time.now += 2_000;
  expect(await sendWithData("é".repeat(33))).toMatchObject({ status: 400 });
  expect(await sendWithData("")).toMatchObject({ status: 400 });
});

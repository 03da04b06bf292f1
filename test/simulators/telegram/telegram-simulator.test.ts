import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createTelegramSimulator } from "../../../simulators/telegram/telegram-simulator.ts";

const answerSchema = z.looseObject({ ok: z.boolean(), description: z.string().optional() });

const CHAT = 42;
const GROUP = -7;

async function startTelegram() {
  const time = { now: 1_000_000 };
  const options = { clock: () => time.now, token: "1:x", chats: [CHAT, GROUP], limits: { tolerance: 0 } };
  const telegram = createTelegramSimulator(options);
  const root = await telegram.start();
  onTestFinished(() => telegram.stop());
  const call = async (method: string, body: object) => {
    time.now += 1_000;
    const init = { method: "POST", headers: { "content-type": "application/json" } };
    const response = await fetch(`${root}/bot1:x/${method}`, { ...init, body: JSON.stringify(body) });
    return { status: response.status, ...answerSchema.parse(await response.json()) };
  };
  const send = (text: string, entities: unknown[] = [], chat: number = CHAT, more: object = {}) =>
    call("sendMessage", { chat_id: chat, text, entities, ...more });
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
  ["entities that overlap partly", "abc", [0, 1].map((offset) => ({ type: "bold", offset, length: 2 }))],
  ["a link without an address", "abc", [{ type: "text_link", offset: 0, length: 1 }]],
  ["an unknown entity type", "abc", [{ type: "blink", offset: 0, length: 1 }]],
];

test("the simulated Telegram refuses what the Bot API refuses, and an option that is not simulated", async () => {
  const { send, telegram, call } = await startTelegram();
  for (const [name, text, entities] of REFUSED)
    expect(await send(text, entities), name).toMatchObject({ status: 400, ok: false });
  expect(await send("x", [], 99)).toMatchObject({ description: "Bad Request: chat not found" });
  expect(await send("x", [], CHAT, { parse_mode: "HTML" })).toMatchObject({ status: 400 });
  const link = (url: string, offset = 0) => ({ type: "text_link", offset, length: 1, url });
  for (const url of ["http://localhost:8080/x", "http://plane/x"])
    expect(await send("a", [link(url)])).toMatchObject({ status: 400, description: expect.stringMatching(/HTTP URL/) });
  const many = Array.from({ length: 90 }, (_, n) => link(`https://plane.example.com/${"x".repeat(80)}`, n));
  expect(await send("a".repeat(90), many)).toMatchObject({ description: "Bad Request: ENTITIES_TOO_LONG" });
  // The data of a button has 1 to 64 bytes, not characters.
  const sendWithData = (callback_data: string) =>
    send("x", [], CHAT, { reply_markup: { inline_keyboard: [[{ text: "b", callback_data }]] } });
  expect(await sendWithData("é".repeat(33))).toMatchObject({ status: 400 });
  expect(await sendWithData("")).toMatchObject({ status: 400 });
  expect(telegram.chat(CHAT).messages).toEqual([]);
  expect(await sendWithData("é".repeat(32))).toMatchObject({ ok: true });
  const { id: sent } = telegram.chat(CHAT).messages[0] ?? { id: 0 };
  const edit = (id: number) => call("editMessageText", { chat_id: CHAT, message_id: id, text: "x" });
  await edit(sent);
  expect((await edit(sent)).description).toContain("message is not modified");
  expect((await edit(sent + 1)).description).toBe("Bad Request: message to edit not found");
});

test("a message with a thread id is accepted for a topic of a forum, not for replies in another group", async () => {
  const { send, telegram } = await startTelegram();
  const sendIntoTopic = (topic: number) => send("x", [], GROUP, { message_thread_id: topic });
  await telegram.postAsUser(GROUP, 7, "one");
  expect(await telegram.postAsUser(GROUP, 7, "two", { replyTo: 1 })).toMatchObject({
    message: { message_thread_id: 1 },
  });
  expect(await sendIntoTopic(1)).toMatchObject({ description: "Bad Request: message thread not found" });
  const inTopic = { message: { message_thread_id: 9, is_topic_message: true } };
  expect(await telegram.postAsUser(GROUP, 7, "three", { topic: 9 })).toMatchObject(inTopic);
  expect(await sendIntoTopic(9)).toMatchObject({ ok: true });
});

test("the simulated Telegram limits the bot: a message a second in a chat, 20 a minute in a group, and none before a 429 is over", async () => {
  const { send, time, telegram } = await startTelegram();
  expect(await send("a")).toMatchObject({ ok: true });
  time.now -= 1;
  expect(await send("b")).toMatchObject({ status: 429, parameters: { retry_after: 1 } });
  const answers = [];
  for (let n = 0; n < 21; n += 1) answers.push(await send(`${n}`, [], GROUP));
  expect(answers.map(({ status }) => status).indexOf(429)).toBe(20);
  expect(answers.at(-1)).toMatchObject({ parameters: { retry_after: 40 } });
  telegram.injectFaults({ kind: "too_many", seconds: 3 });
  expect(await send("a")).toMatchObject({ parameters: { retry_after: 3 } });
  expect(await send("a")).toMatchObject({ parameters: { retry_after: 2 } });
  await send("a");
  expect(await send("a")).toMatchObject({ ok: true });
});

import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createTelegramSimulator } from "../../../simulators/telegram/telegram-simulator.ts";

const answerSchema = z.looseObject({
  ok: z.boolean(),
  description: z.string().optional(),
  result: z.unknown().optional(),
});

const CHAT = 42;
const GROUP = -7;

async function createRig() {
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

test("answers as the Bot API does: a bot, a message, an error in its own shape", async () => {
  const { call, send } = await createRig();
  expect(await call("getMe", {})).toMatchObject({ ok: true, result: { id: 1, is_bot: true } });
  expect(await send("hi")).toMatchObject({ status: 200, ok: true, result: { message_id: 1, text: "hi" } });
  expect(await call("getMe", {}, "1:y")).toEqual({
    status: 401,
    ok: false,
    error_code: 401,
    description: "Unauthorized",
  });
  expect(await call("sendDice", {})).toMatchObject({ status: 404, error_code: 404 });
});

describe("refuses what Telegram refuses", () => {
  test.each([
    ["an empty text", " \n", []],
    ["4,097 units", `${"😀".repeat(2_048)}a`, []],
    ["half a surrogate pair", "\ud83d", []],
    ["a mark beyond the end", "abc", [{ type: "bold", offset: 2, length: 2 }]],
    ["an empty mark", "abc", [{ type: "bold", offset: 1, length: 0 }]],
    ["a mark that begins inside a pair", "😀a", [{ type: "bold", offset: 1, length: 1 }]],
    ["a mark that ends inside a pair", "a😀", [{ type: "bold", offset: 0, length: 2 }]],
    [
      "marks that cross",
      "abc",
      [
        { type: "bold", offset: 0, length: 2 },
        { type: "code", offset: 1, length: 2 },
      ],
    ],
    ["a link without an address", "abc", [{ type: "text_link", offset: 0, length: 1 }]],
    ["an unknown mark", "abc", [{ type: "blink", offset: 0, length: 1 }]],
  ])("%s", async (_, text, entities) => {
    const { send, telegram } = await createRig();
    expect(await send(text, entities)).toMatchObject({ status: 400, ok: false });
    expect(telegram.chat(CHAT).messages).toEqual([]);
  });

  test("an unknown chat, and an option that is not imitated", async () => {
    const { send, call } = await createRig();
    expect(await send("x", [], 99)).toMatchObject({ description: "Bad Request: chat not found" });
    expect(await call("sendMessage", { chat_id: CHAT, text: "x", parse_mode: "HTML" })).toMatchObject({ status: 400 });
  });

  test("an edit of nothing, and one that changes nothing", async () => {
    const { send, call, time } = await createRig();
    await send("x");
    time.now += 1_000;
    const same = await call("editMessageText", { chat_id: CHAT, message_id: 1, text: "x" });
    expect(same.description).toContain("message is not modified");
    time.now += 1_000;
    const gone = await call("editMessageText", { chat_id: CHAT, message_id: 2, text: "x" });
    expect(gone.description).toBe("Bad Request: message to edit not found");
  });
});

test("refuses links that Telegram refuses, and more bytes of entities than it takes", async () => {
  const { send } = await createRig();
  const link = (url: string, offset = 0) => ({ type: "text_link", offset, length: 1, url });
  for (const url of ["http://localhost:8080/x", "http://plane/x"])
    expect(await send("a", [link(url)])).toMatchObject({ status: 400, description: expect.stringMatching(/HTTP URL/) });
  for (const url of ["http://192.168.1.4/x", "http://[::1]/x"])
    expect(await send("a", [link(url)])).toMatchObject({ ok: true });
  const many = Array.from({ length: 90 }, (_, n) => link(`https://plane.example.com/${"x".repeat(80)}`, n));
  expect(await send("a".repeat(90), many)).toMatchObject({ description: "Bad Request: ENTITIES_TOO_LONG" });
});

test("sends into a topic of a forum only, not into the replies of another group", async () => {
  const { call, telegram, time } = await createRig();
  const into = (topic: number) => {
    time.now += 1_000;
    return call("sendMessage", { chat_id: GROUP, text: "x", message_thread_id: topic });
  };
  await telegram.postAsUser(GROUP, 7, "one");
  expect(await telegram.postAsUser(GROUP, 7, "two", { replyTo: 1 })).toMatchObject({
    message: { message_thread_id: 1 },
  });
  expect(await into(1)).toMatchObject({ description: "Bad Request: message thread not found" });
  const inTopic = { message: { message_thread_id: 9, is_topic_message: true } };
  expect(await telegram.postAsUser(GROUP, 7, "three", { topic: 9 })).toMatchObject(inTopic);
  expect(await into(9)).toMatchObject({ ok: true });
});

test("takes 4,096 units, and marks inside marks", async () => {
  const { send } = await createRig();
  expect(await send("😀".repeat(2_048))).toMatchObject({ ok: true });
  const nested = [
    { type: "bold", offset: 0, length: 3 },
    { type: "code", offset: 1, length: 1 },
  ];
  expect(await send("abc", nested)).toMatchObject({ ok: true });
});

describe("keeps Telegram's limits", () => {
  test("one a second in a chat", async () => {
    const { send, time } = await createRig();
    expect(await send("a")).toMatchObject({ ok: true });
    time.now -= 1;
    expect(await send("b")).toMatchObject({ status: 429, parameters: { retry_after: 1 } });
  });

  test("twenty a minute in a group", async () => {
    const { send } = await createRig();
    const answers = [];
    for (let n = 0; n < 21; n += 1) answers.push(await send(`${n}`, [], GROUP));
    expect(answers.map(({ status }) => status).indexOf(429)).toBe(20);
    expect(answers.at(-1)).toMatchObject({ parameters: { retry_after: 40 } });
  });

  test("who calls early after a 429 gets another", async () => {
    const { send, telegram } = await createRig();
    telegram.injectFaults({ kind: "too_many", seconds: 3 });
    expect(await send("a")).toMatchObject({ parameters: { retry_after: 3 } });
    expect(await send("a")).toMatchObject({ parameters: { retry_after: 2 } });
    await send("a");
    expect(await send("a")).toMatchObject({ ok: true });
  });
});

test("finds addresses, names, tags and commands in plain text, but not inside links", async () => {
  const { send, telegram } = await createRig();
  await send("see evil.com @durov #x /go", [{ type: "text_link", offset: 0, length: 12, url: "https://a.example/" }]);
  const [message] = telegram.chat(CHAT).messages;
  expect(message?.entities.map(({ type }) => type)).toEqual(["text_link", "mention", "hashtag", "bot_command"]);
});

test("the ledger tells every call with its time and what became of it", async () => {
  const { send, telegram } = await createRig();
  telegram.injectFaults({ kind: "lost" });
  await expect(send("a")).rejects.toThrow();
  await send("");
  expect(telegram.calls).toMatchObject([
    { at: 1_001_000, method: "sendMessage", chat: "42", text: "a", outcome: "lost", done: true },
    { at: 1_002_000, method: "sendMessage", chat: "42", text: "", outcome: "400", done: false },
  ]);
});

test("is back on the same port after a stop", async () => {
  const { send, telegram } = await createRig();
  await telegram.stop();
  await expect(send("a")).rejects.toThrow();
  await telegram.start();
  expect(await send("a")).toMatchObject({ ok: true });
});

describe("people's updates", () => {
  async function polled(offset: number) {
    const rig = await createRig();
    const ask = (body: object) => rig.call("getUpdates", body);
    return { ...rig, ask, first: await ask({ offset, timeout: 0 }) };
  }

  test("are kept until a later offset confirms them", async () => {
    const { telegram, ask, first } = await polled(0);
    expect(first).toMatchObject({ ok: true, result: [] });
    await telegram.postAsUser(CHAT, 7, "one");
    await telegram.postAsUser(CHAT, 7, "two");
    const ids = async (offset: number) =>
      z
        .array(z.object({ update_id: z.number() }))
        .parse((await ask({ offset, timeout: 0 })).result)
        .map((one) => one.update_id);
    expect(await ids(0)).toEqual([1, 2]);
    expect(await ids(0)).toEqual([1, 2]);
    expect(await ids(2)).toEqual([2]);
    expect(await ids(0)).toEqual([2]);
  });

  test("are refused to a poller while a webhook is set, and to the first of two pollers (409)", async () => {
    const { call, telegram, ask } = await polled(0);
    const waiting = ask({ offset: 0, timeout: 20 });
    await new Promise((resolve) => setImmediate(resolve));
    await expect.poll(async () => (await Promise.race([waiting, ask({ offset: 0, timeout: 0 })])).status).toBe(409);
    await call("setWebhook", { url: "http://127.0.0.1:1/" });
    expect(await ask({ offset: 0, timeout: 0 })).toMatchObject({ status: 409, error_code: 409 });
    await telegram.redeliverUpdates();
    expect(await call("getWebhookInfo", {})).toMatchObject({ result: { url: "http://127.0.0.1:1/" } });
  });

  test("a press is answered once it is known, and what is shown for a moment is kept", async () => {
    const { call, send, telegram } = await polled(0);
    await send("question");
    const press = await telegram.press(CHAT, 7, 1, "yes");
    expect(press.update).toMatchObject({
      callback_query: { from: { id: 7 }, data: "yes", message: { message_id: 1 } },
    });
    expect(await call("answerCallbackQuery", { callback_query_id: "1", text: "thanks" })).toMatchObject({ ok: true });
    expect(press.answers).toEqual(["thanks"]);
    expect(await call("answerCallbackQuery", { callback_query_id: "2" })).toMatchObject({ status: 400 });
  });

  test("a button's data has 1 to 64 bytes, not characters", async () => {
    const { call, time } = await polled(0);
    const withData = (data: string) =>
      call("sendMessage", {
        chat_id: CHAT,
        text: "x",
        reply_markup: { inline_keyboard: [[{ text: "b", callback_data: data }]] },
      });
    expect(await withData("é".repeat(32))).toMatchObject({ ok: true });
    time.now += 2_000;
    expect(await withData("é".repeat(33))).toMatchObject({ status: 400 });
    expect(await withData("")).toMatchObject({ status: 400 });
  });

  test("a command menu has a list for each language", async () => {
    const { call, telegram } = await polled(0);
    await call("setMyCommands", { language_code: "fr", commands: [{ command: "plane", description: "tout" }] });
    expect(telegram.findMenu("fr")).toEqual([{ command: "plane", description: "tout" }]);
    expect(await call("getMyCommands", { language_code: "en" })).toMatchObject({ result: [] });
    expect(await call("setMyCommands", { commands: [{ command: "/Plane", description: "x" }] })).toMatchObject({
      status: 400,
    });
  });
});

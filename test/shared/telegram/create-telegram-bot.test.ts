import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import type { Metrics } from "../../../shared/metrics.ts";
import { createTelegramBot } from "../../../shared/telegram/bot.ts";
import { joinRichText, toBold, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { createTelegramSimulator } from "../../../simulators/telegram/telegram-simulator.ts";

const TOKEN = "1000:AAsecret-token";
const CHAT = 42;

async function createBotSetup({ token = TOKEN, timeout = 2_000 } = {}) {
  const time = { now: 1_000_000 };
  const telegram = createTelegramSimulator({ clock: () => time.now, token: TOKEN, chats: [CHAT] });
  const apiRoot = await telegram.start();
  onTestFinished(() => telegram.stop());
  const countedCalls: string[] = [];
  const metrics: Metrics = {
    count: (name, labels) => countedCalls.push(`${name} ${labels?.["method"]} ${labels?.["outcome"]}`),
    observe: () => {},
  };
  return { time, telegram, countedCalls, bot: createTelegramBot({ token, apiRoot, fetch, metrics, timeout }) };
}

/** Creates a bot with a server that always responds with this status and body. */
async function createFixedAnswerBot(status: number, body: string) {
  const server = createServer((_, response) => response.writeHead(status, { location: "/elsewhere" }).end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const apiRoot = `http://127.0.0.1:${port}/`;
  return createTelegramBot({ token: TOKEN, apiRoot, fetch, metrics: { count() {}, observe() {} } });
}

test("getMe returns the bot's id and username", async () => {
  const { bot } = await createBotSetup();
  expect(await bot.getMe()).toEqual({ kind: "me", id: 1000, username: "groundcrew_bot" });
});

test("getChat returns the bot's chat; another chat is refused", async () => {
  const { bot, countedCalls } = await createBotSetup();
  expect(await bot.getChat(CHAT)).toEqual({ kind: "chat", id: CHAT, type: "private", title: "" });
  expect(await bot.getChat(-100123)).toEqual({
    kind: "refused",
    reason: "400 Bad Request: chat not found",
    lasting: false,
  });
  expect(countedCalls).toEqual([
    "groundcrew_telegram_calls_total getChat chat",
    "groundcrew_telegram_calls_total getChat refused",
  ]);
});

test("a message is sent with its formatting and without a link preview, and can be edited", async () => {
  const { bot, telegram, countedCalls } = await createBotSetup();
  expect(await bot.sendMessage(CHAT, joinRichText([toBold("one"), " two"]))).toEqual({ kind: "sent", messageId: 1 });
  expect(await bot.editMessage(CHAT, 1, toPlainText("three"))).toEqual({ kind: "edited" });
  expect(telegram.chat(CHAT).messages).toMatchObject([
    { text: "three", edits: [{ text: "one two" }], previews: false },
  ]);
  expect(countedCalls).toEqual([
    "groundcrew_telegram_calls_total sendMessage sent",
    "groundcrew_telegram_calls_total editMessageText edited",
  ]);
});

test("an edit that changes nothing counts as an edit", async () => {
  const { bot } = await createBotSetup();
  await bot.sendMessage(CHAT, toBold("same"));
  expect(await bot.editMessage(CHAT, 1, toBold("same"))).toEqual({ kind: "edited" });
});

test("an edit of a message that does not exist has an outcome of its own", async () => {
  const { bot } = await createBotSetup();
  expect(await bot.editMessage(CHAT, 9, toPlainText("x"))).toMatchObject({ kind: "gone" });
});

test("a toast is truncated to the length that Telegram accepts", async () => {
  const { bot, telegram } = await createBotSetup();
  const press = await telegram.press(CHAT, 7, 1, "x");
  expect(await bot.answerCallback("1", "é".repeat(300))).toEqual({ kind: "done" });
  expect(press.answers).toEqual([`${"é".repeat(199)}…`]);
});

test("a refused call with 429 returns how long to wait", async () => {
  const { bot, telegram } = await createBotSetup();
  telegram.injectFaults({ kind: "too_many", seconds: 30 });
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toEqual({ kind: "wait", ms: 30_000 });
});

test("a refused call to an unknown chat is not lasting: a human can fix TELEGRAM_CHAT_ID", async () => {
  const { bot } = await createBotSetup();
  const outcome = await bot.sendMessage(7, toPlainText("x"));
  expect(outcome).toEqual({ kind: "refused", reason: "400 Bad Request: chat not found", lasting: false });
});

test("a refused call to a group that became a supergroup is not lasting: a human can set its new id", async () => {
  const { bot, telegram } = await createBotSetup();
  const description = "Bad Request: group chat was upgraded to a supergroup chat";
  telegram.injectFaults({ kind: "error", status: 400, description });
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toMatchObject({ kind: "refused", lasting: false });
});

test.each([
  "CHAT_SEND_PLAIN_FORBIDDEN",
  "CHAT_ADMIN_REQUIRED",
  "CHANNEL_PRIVATE",
  "USER_BANNED_IN_CHANNEL",
  "TOPIC_CLOSED",
])("a refused call with %s is not lasting: a human can fix the chat", async (description) => {
  const { bot, telegram } = await createBotSetup();
  telegram.injectFaults({ kind: "error", status: 400, description: `Bad Request: ${description}` });
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toMatchObject({ kind: "refused", lasting: false });
});

test("a refused call to a closed topic is lasting, so other messages of the chat do not wait for it", async () => {
  const { bot, telegram } = await createBotSetup();
  telegram.injectFaults({ kind: "error", status: 400, description: "Bad Request: TOPIC_CLOSED" });
  expect(await bot.sendMessage(CHAT, toPlainText("x"), { topic: 3 })).toMatchObject({
    kind: "refused",
    lasting: true,
  });
});

test("a refused call is lasting if the message is too long", async () => {
  const { bot } = await createBotSetup();
  expect(await bot.sendMessage(CHAT, toPlainText("x".repeat(4_097)))).toMatchObject({
    kind: "refused",
    lasting: true,
  });
});

test("a refused call is not lasting if the token is wrong: a human can fix it", async () => {
  const { bot } = await createBotSetup({ token: "1000:wrong" });
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toEqual({
    kind: "refused",
    reason: "401 Unauthorized",
    lasting: false,
  });
});

test.each([403, 404])("a refused call with %i is not lasting: a human can fix it", async (status) => {
  const { bot, telegram } = await createBotSetup();
  telegram.refuseChat(CHAT, status, "Forbidden: bot was blocked by the user");
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toMatchObject({ kind: "refused", lasting: false });
});

test("a refused call to a group that became a supergroup returns its new id", async () => {
  const parameters = { migrate_to_chat_id: -1001 };
  const bot = await createFixedAnswerBot(
    400,
    JSON.stringify({ ok: false, error_code: 400, description: "upgraded", parameters }),
  );
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toMatchObject({
    reason: "400 upgraded (the chat is now -1001)",
  });
});

test("a call without an answer was not sent if the connection is refused", async () => {
  const { bot, telegram } = await createBotSetup();
  await telegram.stop();
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toEqual({
    kind: "not_sent",
    reason: "no answer: ECONNREFUSED",
  });
});

test("a call without an answer was not sent if the host name cannot be resolved", async () => {
  const unresolvedFetch: typeof fetch = async () => {
    const cause = Object.assign(new Error("getaddrinfo ENOTFOUND telegram.invalid"), { code: "ENOTFOUND" });
    throw new TypeError("fetch failed", { cause });
  };
  const metrics = { count() {}, observe() {} };
  const bot = createTelegramBot({
    token: TOKEN,
    apiRoot: "http://telegram.invalid",
    fetch: unresolvedFetch,
    metrics,
  });
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toMatchObject({ kind: "not_sent" });
});

test("a call without an answer was not sent if the Bot API reports an internal error", async () => {
  const { bot, telegram } = await createBotSetup();
  telegram.injectFaults({ kind: "error", status: 500, description: "Internal Server Error" });
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toEqual({
    kind: "not_sent",
    reason: "500 Internal Server Error",
  });
});

test.each([
  { kind: "silent" },
  { kind: "lost" },
  { kind: "dropped" },
  { kind: "gateway", status: 502, done: true },
] as const)("a call without an answer may have arrived after the fault $kind", async (fault) => {
  const { bot, telegram } = await createBotSetup({ timeout: 100 });
  telegram.injectFaults(fault);
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toMatchObject({ kind: "unknown" });
});

test.each([
  [200, '{"ok":true,"resu', "unknown"],
  [200, '{"ok":true,"result":{}}', "unknown"],
  [200, "<html>sign in</html>", "unknown"],
  [302, "", "not_sent"],
  [403, "<html>blocked by the proxy</html>", "not_sent"],
])("a call without an answer with status %i and body %j has the outcome %s", async (status, body, kind) => {
  const bot = await createFixedAnswerBot(status, body);
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toMatchObject({ kind });
});

test("no outcome contains the token, even if the failure quotes it (reliability 21)", async () => {
  const quotingFetch: typeof fetch = async (url) => {
    throw Object.assign(new TypeError(`Failed to parse URL from ${url}`), { code: `ERR_INVALID_URL ${url}` });
  };
  const metrics = { count() {}, observe() {} };
  const bots = [
    createTelegramBot({ token: TOKEN, apiRoot: "http://127.0.0.1:1", fetch: quotingFetch, metrics }),
    createTelegramBot({ token: TOKEN, apiRoot: "no url", fetch, metrics }),
    await createFixedAnswerBot(
      403,
      JSON.stringify({ ok: false, error_code: 403, description: `no /bot${TOKEN}/ here` }),
    ),
  ];
  for (const bot of bots) {
    const outcomes = [
      await bot.getMe(),
      await bot.sendMessage(CHAT, toPlainText("x")),
      await bot.editMessage(CHAT, 1, toPlainText("x")),
    ];
    expect(outcomes.map(({ kind }) => kind)).not.toContain("sent");
    expect(JSON.stringify(outcomes)).not.toContain(TOKEN);
  }
});

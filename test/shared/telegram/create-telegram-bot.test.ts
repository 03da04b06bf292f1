import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { type Metrics, noMetrics } from "../../../shared/metrics.ts";
import { createTelegramBot } from "../../../shared/telegram/bot.ts";
import { joinRichText, toBold, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { createTelegramSimulator } from "../../../simulators/telegram/telegram-simulator.ts";

const TOKEN = "1000:AAsecret-token";
const CHAT = 42;
const PARTS = { token: TOKEN, apiRoot: "http://telegram.invalid", metrics: noMetrics };

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

/** Creates a bot whose calls all get this answer. */
const createFixedAnswerBot = (status: number, body: string) =>
  createTelegramBot({ ...PARTS, fetch: async () => new Response(status === 302 ? null : body, { status }) });

test("the bot returns its name and its chat, sends with formatting and without a link preview, edits, and counts each call", async () => {
  const { bot, telegram, time, countedCalls } = await createBotSetup();
  expect(await bot.getMe()).toEqual({ kind: "me", id: 1000, username: "groundcrew_bot" });
  expect(await bot.getChat(CHAT)).toEqual({ kind: "chat", id: CHAT, type: "private", title: "" });
  expect(await bot.getChat(CHAT + 1)).toMatchObject({ kind: "refused" });
  expect(await bot.sendMessage(CHAT, joinRichText([toBold("one"), " two"]))).toEqual({ kind: "sent", messageId: 1 });
  expect(await bot.editMessage(CHAT, 1, toPlainText("three"))).toEqual({ kind: "edited" });
  expect(telegram.chat(CHAT).messages).toMatchObject([
    { text: "three", edits: [{ text: "one two" }], previews: false },
  ]);
  time.now += 5_000;
  // An edit that changes nothing counts as one; one of a message that does not exist has an outcome of its own.
  expect(await bot.editMessage(CHAT, 1, toPlainText("three"))).toEqual({ kind: "edited" });
  expect(await bot.editMessage(CHAT, 9, toPlainText("x"))).toMatchObject({ kind: "gone" });
  const press = await telegram.press(CHAT, 7, 1, "x");
  expect(await bot.answerCallback("1", "é".repeat(300))).toEqual({ kind: "done" });
  expect(press.answers).toEqual([`${"é".repeat(199)}…`]);
  expect(countedCalls.map((call) => call.replace("groundcrew_telegram_calls_total ", ""))).toEqual([
    ...["getMe me", "getChat chat", "getChat refused", "sendMessage sent", "editMessageText edited"],
    ...["editMessageText edited", "editMessageText gone", "answerCallbackQuery done"],
  ]);
});

test("a refusal says how long to wait, whether a person can end it, and what is lasting for this message", async () => {
  const { bot, telegram, time } = await createBotSetup();
  const sendAfter = (description: string, status = 400, target = {}) => {
    time.now += 60_000;
    telegram.injectFaults({ kind: "error", status, description });
    return bot.sendMessage(CHAT, toPlainText("x"), target);
  };
  telegram.injectFaults({ kind: "too_many", seconds: 30 });
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toEqual({ kind: "wait", ms: 30_000 });
  const unknownChat = { kind: "refused", reason: "400 Bad Request: chat not found", lasting: false };
  expect(await bot.sendMessage(7, toPlainText("x"))).toEqual(unknownChat);
  for (const [status, description] of [
    [400, "Bad Request: group chat was upgraded to a supergroup chat"],
    ...["CHAT_SEND_PLAIN_FORBIDDEN", "CHAT_ADMIN_REQUIRED", "CHANNEL_PRIVATE", "USER_BANNED_IN_CHANNEL"].map(
      (name) => [400, `Bad Request: ${name}`] as const,
    ),
    [400, "Bad Request: TOPIC_CLOSED"],
    [401, "Unauthorized"],
    [403, "Forbidden: bot was blocked by the user"],
    [404, "Not Found"],
  ] as const)
    expect(await sendAfter(description, status), description).toMatchObject({ kind: "refused", lasting: false });
  // Other messages of the chat do not wait for a closed topic.
  expect(await sendAfter("Bad Request: TOPIC_CLOSED", 400, { topic: 3 })).toMatchObject({ lasting: true });
  expect(await bot.sendMessage(CHAT, toPlainText("x".repeat(4_097)))).toMatchObject({ kind: "refused", lasting: true });
  const parameters = { migrate_to_chat_id: -1001 };
  const moved = { ok: false, error_code: 400, description: "upgraded", parameters };
  expect(await createFixedAnswerBot(400, JSON.stringify(moved)).sendMessage(CHAT, toPlainText("x"))).toMatchObject({
    reason: "400 upgraded (the chat is now -1001)",
  });
});

test("a call was not sent if the connection is refused, the host name is unknown or the Bot API reports an internal error", async () => {
  const { bot, telegram } = await createBotSetup();
  telegram.injectFaults({ kind: "error", status: 500, description: "Internal Server Error" });
  const fault = { kind: "not_sent", reason: "500 Internal Server Error" };
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toEqual(fault);
  await telegram.stop();
  const refused = { kind: "not_sent", reason: "no answer: ECONNREFUSED" };
  expect(await bot.sendMessage(CHAT, toPlainText("x"))).toEqual(refused);
  const unresolvedFetch: typeof fetch = async () => {
    const cause = Object.assign(new Error("getaddrinfo ENOTFOUND telegram.invalid"), { code: "ENOTFOUND" });
    throw new TypeError("fetch failed", { cause });
  };
  const unresolved = createTelegramBot({ ...PARTS, fetch: unresolvedFetch });
  expect(await unresolved.sendMessage(CHAT, toPlainText("x"))).toMatchObject({ kind: "not_sent" });
});

test("a call whose answer is lost or cannot be read may have arrived", async () => {
  const { bot, telegram, time } = await createBotSetup({ timeout: 100 });
  for (const fault of [
    { kind: "silent" },
    { kind: "lost" },
    { kind: "dropped" },
    { kind: "gateway", status: 502, done: true },
  ] as const) {
    time.now += 60_000;
    telegram.injectFaults(fault);
    expect(await bot.sendMessage(CHAT, toPlainText("x")), fault.kind).toMatchObject({ kind: "unknown" });
  }
  for (const [status, body, kind] of [
    [200, '{"ok":true,"resu', "unknown"],
    [200, '{"ok":true,"result":{}}', "unknown"],
    [200, "<html>sign in</html>", "unknown"],
    [302, "", "not_sent"],
    [403, "<html>blocked by the proxy</html>", "not_sent"],
  ] as const) {
    const fixed = createFixedAnswerBot(status, body);
    expect(await fixed.sendMessage(CHAT, toPlainText("x")), body).toMatchObject({ kind });
  }
});

test("no outcome contains the token, even if the failure quotes it (reliability 21)", async () => {
  const quotingFetch: typeof fetch = async (url) => {
    throw Object.assign(new TypeError(`Failed to parse URL from ${url}`), { code: `ERR_INVALID_URL ${url}` });
  };
  const bots = [
    createTelegramBot({ ...PARTS, fetch: quotingFetch }),
    createTelegramBot({ ...PARTS, apiRoot: "no url", fetch }),
    createFixedAnswerBot(403, JSON.stringify({ ok: false, error_code: 403, description: `no /bot${TOKEN}/ here` })),
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

test("a retry_after is a wait of whole milliseconds, from a second to an hour, whatever it contains", async () => {
  const sendRefused = (retryAfter: string) => {
    const head = '{"ok":false,"error_code":429,"description":"Too Many Requests"';
    const answer = new Response(`${head},"parameters":{"retry_after":${retryAfter}}}`, { status: 429 });
    return createTelegramBot({ ...PARTS, fetch: async () => answer }).sendMessage(CHAT, toPlainText("x"));
  };
  const waits: Record<string, number> = {
    ...{ 30: 30_000, 0: 1_000, "1.5": 1_500, 3600: 3_600_000, 3601: 3_600_000, "1e300": 3_600_000 },
    ...{ "1e999": 5_000, "-1": 5_000, null: 5_000, '"NaN"': 5_000 },
  };
  for (const [retryAfter, ms] of Object.entries(waits))
    expect(await sendRefused(retryAfter), retryAfter).toEqual({ kind: "wait", ms });
  await fc.assert(
    fc.asyncProperty(fc.json(), async (retryAfter) => {
      const outcome = await sendRefused(retryAfter);
      const ms = outcome.kind === "wait" ? outcome.ms : 0;
      expect([Math.max(1_000, Math.min(3_600_000, Math.round(ms))), outcome.kind]).toEqual([ms, "wait"]);
    }),
  );
});

import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { getWebhookSecrets } from "../../../shared/telegram/chat-settings.ts";
import { startTestRuntime, type TestRuntime } from "../../support/test-runtime.ts";
import { readRefusal } from "./refused-response.ts";

const TOKEN = "123456:ABC-def_0123456789";
const SECRET = "a-secret-of-these-tests_0123456789";
const ENV = {
  TELEGRAM_BOT_TOKEN: TOKEN,
  TELEGRAM_CHAT_ID: "42",
  // Nothing listens there, because only incoming updates are tested.
  TELEGRAM_API_ROOT: "http://127.0.0.1:1",
  TELEGRAM_WEBHOOK_SECRET: SECRET,
};
const UPDATE = {
  update_id: 9,
  message: { message_id: 1, from: { id: 7 }, chat: { id: 42, type: "private" }, text: "/plane status" },
};

function postUpdate(url: string, body: unknown, secret: string | undefined = SECRET, raw?: string): Promise<Response> {
  const headers = {
    "content-type": "application/json",
    ...omitUndefined({ "x-telegram-bot-api-secret-token": secret }),
  };
  return fetch(`${url}/webhooks/telegram`, { method: "POST", headers, body: raw ?? JSON.stringify(body) });
}

const countPendingUpdates = async ({ store }: Pick<TestRuntime, "store">) =>
  (await store.stats()).queues.updates.pending;

test("An update that Telegram sends is stored once, however often it is delivered (reliability 15)", async () => {
  const runtime = await startTestRuntime({ env: ENV });
  for (let n = 0; n < 50; n += 1) expect((await postUpdate(runtime.url, UPDATE)).status).toBe(200);
  expect(await countPendingUpdates(runtime)).toBe(1);
});

test("An update that Telegram sends is stored even if its kind is not used", async () => {
  const runtime = await startTestRuntime({ env: ENV });
  expect((await postUpdate(runtime.url, { update_id: 3, poll: { id: "1" } })).status).toBe(200);
  expect(await countPendingUpdates(runtime)).toBe(1);
});

test("An update that Telegram sends is verified by a secret derived from the token when none is set", async () => {
  const { TELEGRAM_WEBHOOK_SECRET: _, ...env } = ENV;
  const runtime = await startTestRuntime({ env });
  const [secret = ""] = await getWebhookSecrets({ token: TOKEN, webhookSecrets: [] });
  expect(secret).toMatch(/^[\w-]{1,256}$/);
  expect(secret).not.toContain(TOKEN);
  expect((await postUpdate(runtime.url, UPDATE, secret)).status).toBe(200);
});

test("An update that Telegram sends that the store refuses gets no response, so that Telegram sends it again", async () => {
  const store = createMemoryStore({ clock: Date.now });
  const broken = {
    ...store,
    commit: (commit: Parameters<typeof store.commit>[0]) =>
      commit.jobs?.some(({ queue }) => queue === "updates") ? Promise.reject(new Error("down")) : store.commit(commit),
  };
  const runtime = await startTestRuntime({ env: ENV, store: broken });
  await expect(postUpdate(runtime.url, UPDATE)).rejects.toThrow();
});

test.each([
  ["missing", undefined],
  ["empty", ""],
  ["another one", "b-secret-of-these-tests_0123456789"],
  ["a part of it", SECRET.slice(0, -1)],
  ["longer than it", `${SECRET}0`],
  ["in upper case", SECRET.toUpperCase()],
  ["the bot's token", TOKEN],
  ["10,000 characters long", "x".repeat(10_000)],
])(
  "X-Telegram-Bot-Api-Secret-Token (reliability 17): %s is refused with 401, and nothing is stored",
  async (_, secret) => {
    const runtime = await startTestRuntime({ env: ENV });
    const headers = secret === undefined ? {} : { "x-telegram-bot-api-secret-token": secret };
    const response = await fetch(`${runtime.url}/webhooks/telegram`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(UPDATE),
    });
    expect(await readRefusal(response)).toMatchObject({ status: 401, code: "unauthorized" });
    expect(await countPendingUpdates(runtime)).toBe(0);
  },
);

test("X-Telegram-Bot-Api-Secret-Token (reliability 17) is always refused while Telegram is not configured", async () => {
  const runtime = await startTestRuntime();
  expect(await readRefusal(await postUpdate(runtime.url, UPDATE))).toMatchObject({ status: 401 });
});

test("X-Telegram-Bot-Api-Secret-Token (reliability 17) guessed more than a hundred times a minute is refused with 429", async () => {
  const runtime = await startTestRuntime({ env: ENV });
  const statuses = new Set<number>();
  for (let n = 0; n < 110; n += 1) statuses.add((await postUpdate(runtime.url, UPDATE, "wrong")).status);
  expect([...statuses]).toEqual([401, 429]);
  expect((await postUpdate(runtime.url, UPDATE)).status).toBe(200);
});

test.each([
  ["that is not JSON", "update_id=1"],
  ["that is empty", ""],
  ["without a number", JSON.stringify({ message: UPDATE.message })],
  ["that is a list", "[]"],
  [
    "with a callback's data of 65 characters",
    JSON.stringify({ update_id: 1, callback_query: { id: "1", from: { id: 7 }, data: "x".repeat(65) } }),
  ],
])("A body (reliability 16): %s is kept as one job, however often it is sent", async (_, raw) => {
  const runtime = await startTestRuntime({ env: ENV });
  for (let n = 0; n < 3; n += 1) expect((await postUpdate(runtime.url, undefined, SECRET, raw)).status).toBe(200);
  expect(await countPendingUpdates(runtime)).toBe(1);
});

test("A body (reliability 16) over 256 KB is refused with 413", async () => {
  const runtime = await startTestRuntime({ env: ENV });
  const update = { ...UPDATE, message: { ...UPDATE.message, text: "x".repeat(300_000) } };
  expect(await readRefusal(await postUpdate(runtime.url, update))).toMatchObject({ status: 413 });
});

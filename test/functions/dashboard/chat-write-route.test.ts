import { expect, test } from "vitest";
import { z } from "zod";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { updateBodySchema } from "../../../shared/jobs/incoming-jobs.ts";
import type { Job } from "../../../shared/store/port.ts";
import { createChatMessagePut } from "../../../shared/telegram/message-log.ts";
import { createHttpTestApp, HTTP_ADMIN_TOKEN, toBridgeToken } from "../../support/http-test-app.ts";

const TELEGRAM = { TELEGRAM_BOT_TOKEN: "1000:of-the-page", TELEGRAM_CHAT_ID: "-100", TELEGRAM_ALLOWED_USERS: "7,8" };

async function createChatSetup(env: Record<string, string> = TELEGRAM) {
  const jobs: Job[] = [];
  const app = await createHttpTestApp({
    setUpPlane: () => env,
    // What is stored, because the workers of replies take them at once.
    store(clock) {
      const store = createMemoryStore({ clock });
      return {
        ...store,
        commit(commit) {
          jobs.push(...(commit.jobs ?? []).filter(({ queue }) => queue === "updates" || queue === "people"));
          return store.commit(commit);
        },
      };
    },
  });
  const post = async (path: string, body: unknown, token = HTTP_ADMIN_TOKEN, headers = {}) => {
    const response = await app.request(path, token, { method: "POST", body: JSON.stringify(body), headers });
    const error = z.object({ error: z.object({ code: z.string() }) }).safeParse(await response.json());
    return error.success ? `${response.status} ${error.data.error.code}` : String(response.status);
  };
  const takeUpdates = async () => jobs.splice(0).map(({ body }) => updateBodySchema.parse(body));
  return { app, post, takeUpdates };
}

test("a message from the page is handled as a chat message of the first allowed user", async () => {
  const { post, takeUpdates } = await createChatSetup();
  expect(await post("/api/chat", { text: " /plane status ", language: "fr" })).toBe("202");
  const [body] = await takeUpdates();
  expect(body?.update).toMatchObject({
    message: { from: { id: 7, language_code: "fr" }, chat: { id: -100 }, text: "/plane status" },
  });
  expect(body).toMatchObject({ type: "page_input", atPage: true });
});

test.each([
  ["nothing", { text: "  " }],
  ["longer than a message", { text: "x".repeat(4_097) }],
  ["something else", { txt: "hello" }],
  ["a list", []],
])("a message from the page is refused when it is %s", async (_, body) => {
  const { post, takeUpdates } = await createChatSetup();
  expect(await post("/api/chat", body)).toBe("400 bad_request");
  expect(await takeUpdates()).toEqual([]);
});

test("a message from the page is refused without ADMIN_TOKEN, with an agent's token and from a foreign page", async () => {
  const { post, takeUpdates } = await createChatSetup();
  const text = { text: "/plane status" };
  expect(await post("/api/chat", text, "nobody")).toMatch(/^401/);
  expect(await post("/api/chat", text, toBridgeToken("Thot"))).toMatch(/^40[13]/);
  expect(await post("/api/chat", text, HTTP_ADMIN_TOKEN, { origin: "https://evil.example" })).toMatch(/^403/);
  expect(await takeUpdates()).toEqual([]);
});

test("a message from the page is refused while there are no allowed users", async () => {
  const { post } = await createChatSetup({ ...TELEGRAM, TELEGRAM_ALLOWED_USERS: "" });
  expect(await post("/api/chat", { text: "/plane status" })).toBe("403 forbidden");
  expect(await (await createChatSetup({})).post("/api/chat", { text: "/plane status" })).toBe("403 forbidden");
});

const MESSAGE_KEY = "message:1:-100:5";

async function createShownMessage(more: { chat?: string; messageId?: number } = {}) {
  const all = await createChatSetup();
  const message = { text: "?", entities: [], chat: "-100", messageId: 5, at: 1, repeat: false, ...more };
  const buttons = [[{ text: "Yes", data: "pick:abc:0" }]];
  await all.app.store.commit({ put: [createChatMessagePut(MESSAGE_KEY, { ...message, history: [[1, 1]], buttons })] });
  return all;
}

test("a button press from the page is handled as a press of that message's button", async () => {
  const { post, takeUpdates } = await createShownMessage();
  expect(await post("/api/chat/press", { message: MESSAGE_KEY, data: "pick:abc:0" })).toBe("202");
  const [{ update } = { update: {} }] = await takeUpdates();
  expect(update).toMatchObject({
    callback_query: { from: { id: 7 }, message: { message_id: 5, chat: { id: -100 } }, data: "pick:abc:0" },
  });
});

test("a button press from the page is refused when the message has no such button or does not exist", async () => {
  const { post, takeUpdates } = await createShownMessage();
  expect(await post("/api/chat/press", { message: MESSAGE_KEY, data: "pick:abc:1" })).toBe("409 conflict");
  expect(await post("/api/chat/press", { message: "workspace", data: "pick:abc:0" })).toBe("409 conflict");
  expect(await post("/api/chat/press", { message: MESSAGE_KEY })).toBe("400 bad_request");
  expect(await takeUpdates()).toEqual([]);
});

test("a reply from the page is handled as a reply to that message, which is marked as accepting replies", async () => {
  const { app, post, takeUpdates } = await createShownMessage();
  const answer: unknown = await (await app.request("/api/chat", HTTP_ADMIN_TOKEN)).json();
  expect(answer).toMatchObject({ messages: [{ id: MESSAGE_KEY, reply: true }] });
  expect(await post("/api/chat", { text: "Friendly", message: MESSAGE_KEY })).toBe("202");
  const [body] = await takeUpdates();
  expect(body?.update).toMatchObject({ message: { text: "Friendly", reply_to_message: { message_id: 5 } } });
  expect(body).toMatchObject({ type: "page_input", atPage: true });
});

test.each([
  ["is not there", "message:2:-100:5", {}],
  ["is none", "workspace", {}],
  ["is in another chat", MESSAGE_KEY, { chat: "-200" }],
  ["only the page shows", MESSAGE_KEY, { messageId: 0 }],
])("a reply from the page is refused to a message that %s", async (_, message, more) => {
  const { app, post, takeUpdates } = await createShownMessage(more);
  expect(await post("/api/chat", { text: "Friendly", message })).toBe("409 conflict");
  expect(await takeUpdates()).toEqual([]);
  if (message !== MESSAGE_KEY) return;
  const answer: unknown = await (await app.request("/api/chat", HTTP_ADMIN_TOKEN)).json();
  expect(JSON.stringify(answer)).not.toContain('"reply"');
});

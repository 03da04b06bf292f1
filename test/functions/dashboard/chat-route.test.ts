import { expect, test } from "vitest";
import { z } from "zod";
import { chatRoute } from "../../../functions/dashboard/chat-routes.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createHttpApp } from "../../../shared/http/http-app.ts";
import { updateBodySchema } from "../../../shared/jobs/incoming-jobs.ts";
import type { Job } from "../../../shared/store/port.ts";
import { chatMessageKey, createChatMessagePut } from "../../../shared/telegram/message-log.ts";
import { createHttpTestApp, HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createCommandsApp, GROUP_CHAT } from "../telegram/commands/commands-app.ts";

const ADMIN_TOKEN = "admin-token-of-the-chat";
/** Direction marks, overrides and isolates, zero-width characters, a tag, control characters and a lone surrogate. */
const INVISIBLE = "\u200e\u200f\u061c\u202e\u2066\u2069\u200b\u2060\ufeff\u{e0041}\u0007\u001b\u009b";
const HIDDEN = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]|\u{e0041}|[^\P{Cc}\n\t]|\p{Cs}/u;

const answerSchema = z.object({
  messages: z.array(
    z.object({
      text: z.string(),
      by: z.string().optional(),
      entities: z.array(z.object({ type: z.string(), offset: z.number(), length: z.number() })),
      buttons: z.array(z.array(z.object({ text: z.string(), data: z.string() }))).optional(),
    }),
  ),
});

async function createChat() {
  const app = await createCommandsApp({ env: { ADMIN_TOKEN } });
  const http = createHttpApp(app.deps, { routes: [chatRoute], getRemoteAddress: () => "127.0.0.1" });
  const readChat = async () => {
    const response = await http.fetch(
      new Request("http://localhost/api/chat", { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } }),
    );
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    const text = await response.text();
    return { text, messages: answerSchema.parse(JSON.parse(text)).messages };
  };
  return { app, readChat };
}

test("The chat on the page contains no control, direction or invisible characters, in texts, names and buttons", async () => {
  const { app, readChat } = await createChat();
  for (const name of ["First", "Second"]) app.addTask(`${name}${INVISIBLE} mail`, "Imhotep");
  await app.runFirstPoll();
  const as = { from: { id: 4711, is_bot: false, first_name: `A${INVISIBLE}da` } };
  await app.telegram.postAsUser(GROUP_CHAT, 4711, `/plane task ${INVISIBLE}mail\r\nnow \ud83d`, { as });
  await app.pollUpdates();
  await app.sendMessage("/plane task mail");
  const { text, messages } = await readChat();
  expect(text).not.toContain("\\u");
  const texts = messages.flatMap((message) => [
    message.text,
    message.by ?? "",
    ...(message.buttons ?? []).flat().map((button) => button.text),
  ]);
  expect(texts.filter((one) => HIDDEN.test(one))).toEqual([]);
  expect(messages.map((message) => message.text)).toContain("/plane task mail\nnow \ufffd");
  expect(texts.some((one) => one.includes("First mail"))).toBe(true);
});

test("The chat on the page has a single message by its id, and none for an id that is kept under another kind of key", async () => {
  const app = await createCommandsApp({ env: { ADMIN_TOKEN } });
  const at = app.time.now;
  const key = chatMessageKey(GROUP_CHAT, 7, at);
  const message = { chat: String(GROUP_CHAT), messageId: 7, at, repeat: false, text: "Old", entities: [] };
  await app.store.commit({ put: [createChatMessagePut(key, { ...message, history: [[1, at]] })] });
  await app.store.commit({ put: [{ key: "other:secret", value: { text: "not a message" } }] });
  const read = async (id: string) => {
    const response = await chatRoute.app(app.deps).request(`/?message=${encodeURIComponent(id)}`);
    return answerSchema.parse(await response.json()).messages.map(({ text }) => text);
  };
  expect(await read(key)).toEqual(["Old"]);
  expect(await read(chatMessageKey(GROUP_CHAT, 8, at))).toEqual([]);
  expect(await read("other:secret")).toEqual([]);
});

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

test("a message from the page is refused when it is nothing, longer than a message, or something else", async () => {
  const { post, takeUpdates } = await createChatSetup();
  for (const body of [{ text: "  " }, { text: "x".repeat(4_097) }, { txt: "hello" }, []])
    expect.soft(await post("/api/chat", body)).toBe("400 bad_request");
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

async function createRemarksApp() {
  const app = await createHttpTestApp();
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const post = async (key: string, body: object) => {
    const init = { method: "POST", body: JSON.stringify(body) };
    const response = await app.request(`/api/tasks/${key}/remarks`, HTTP_ADMIN_TOKEN, init);
    return [response.status, await response.json()];
  };
  return { app, item, post };
}

test("a text from the page is for the task's agents, and a comment in Plane that names the page", async () => {
  const { app, item, post } = await createRemarksApp();
  expect(await post("ONB-1", { text: "Use blue" })).toEqual([200, { key: "ONB-1", agents: ["Thot"], stopped: false }]);
  expect((await app.callTool("Thot", "get_task_details", { task: "ONB-1" })).json).toMatchObject({
    remarks: [{ by: "admin", text: "Use blue" }],
  });
  await app.drain();
  expect(app.readComments(item)).toContain("Ada: <p><strong>admin</strong> wrote:</p><p>Use blue</p>");
});

test("stop from the page marks the task, and an unknown task and an empty text are refused", async () => {
  const { app, post } = await createRemarksApp();
  expect(await post("ONB-1", { text: "stop" })).toEqual([200, { key: "ONB-1", agents: ["Thot"], stopped: true }]);
  const { status, json } = await app.callTool("Thot", "claim_task", { task: "ONB-1" });
  expect([status, json]).toMatchObject([409, { error: { code: "stopped" } }]);
  expect(await post("ONB-99", { text: "stop" })).toMatchObject([404, { error: { code: "not_found" } }]);
  expect(await post("ONB-1", { text: " " })).toMatchObject([400, {}]);
});

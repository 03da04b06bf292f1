import { expect, test } from "vitest";
import { updateBodySchema } from "../../../shared/jobs/incoming-jobs.ts";
import { createChatMessagePut } from "../../../shared/telegram/message-log.ts";
import { createHttpTestApp, createTaskApp, HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";

/** Direction marks, overrides and isolates, zero-width characters, a tag, control characters and a lone surrogate. */
const INVISIBLE = "\u200e\u200f\u061c\u202e\u2066\u2069\u200b\u2060\ufeff\u{e0041}\u0007\u001b\u009b";
const HIDDEN = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]|\u{e0041}|[^\P{Cc}\n\t]|\p{Cs}/u;

const TELEGRAM = { TELEGRAM_BOT_TOKEN: "1000:of-the-page", TELEGRAM_CHAT_ID: "-100", TELEGRAM_ALLOWED_USERS: "7,8" };

async function createChatSetup(env: Record<string, string> = TELEGRAM) {
  const app = await createHttpTestApp({ setUpPlane: () => env });
  // What is stored, because the workers of replies take them at once.
  const changes = app.recordCommits();
  const post = async (path: string, body: unknown) => {
    const { status, json } = await app.call(path, body);
    return json.error ? `${status} ${json.error.code}` : String(status);
  };
  const takeUpdates = () => {
    const jobs = changes.splice(0).flatMap((change) => change.jobs ?? []);
    const ofPeople = jobs.filter(({ queue }) => queue === "updates" || queue === "people");
    return ofPeople.map(({ body }) => updateBodySchema.parse(body));
  };
  return { app, post, takeUpdates };
}

test("a message from the page is handled as a chat message of the first allowed user, unless it is none", async () => {
  const { post, takeUpdates } = await createChatSetup();
  for (const body of [{ text: "  " }, { text: "x".repeat(4_097) }, { txt: "hello" }, []])
    expect.soft(await post("/api/chat", body)).toBe("400 bad_request");
  expect(await post("/api/chat", { text: " /plane status ", language: "fr" })).toBe("202");
  const [body, ...others] = takeUpdates();
  expect(body?.update).toMatchObject({
    message: { from: { id: 7, language_code: "fr" }, chat: { id: -100 }, text: "/plane status" },
  });
  expect([body, others]).toMatchObject([{ type: "page_input", atPage: true }, []]);
  const noUsers = await createChatSetup({ ...TELEGRAM, TELEGRAM_ALLOWED_USERS: "" });
  expect(await noUsers.post("/api/chat", { text: "/plane status" })).toBe("403 forbidden");
});

const MESSAGE_KEY = "message:1:-100:5";

async function createShownMessage(more: { text?: string; chat?: string; messageId?: number } = {}) {
  const all = await createChatSetup();
  const message = { text: "?", entities: [], chat: "-100", messageId: 5, at: 1, repeat: false, ...more };
  const buttons = [[{ text: `Yes${INVISIBLE}`, data: "pick:abc:0" }]];
  await all.app.store.commit({ put: [createChatMessagePut(MESSAGE_KEY, { ...message, history: [[1, 1]], buttons })] });
  return { ...all, readChat: async () => (await all.app.request("/api/chat", HTTP_ADMIN_TOKEN)).text() };
}

test("the chat on the page contains no control, direction or invisible characters, in texts and buttons", async () => {
  const { readChat } = await createShownMessage({ text: `First${INVISIBLE} mail` });
  const text = await readChat();
  expect(text).toContain("First mail");
  expect(text).toContain("Yes");
  expect(text).not.toMatch(HIDDEN);
  expect(text).not.toContain("\\u");
});

test("a button press or a reply from the page is one of that message, and a press is refused where there is no button", async () => {
  const { post, takeUpdates, readChat } = await createShownMessage();
  expect(await post("/api/chat/press", { message: MESSAGE_KEY, data: "pick:abc:1" })).toBe("409 conflict");
  expect(await post("/api/chat/press", { message: "workspace", data: "pick:abc:0" })).toBe("409 conflict");
  expect(await post("/api/chat/press", { message: MESSAGE_KEY })).toBe("400 bad_request");
  expect(await post("/api/chat/press", { message: MESSAGE_KEY, data: "pick:abc:0" })).toBe("202");
  const message = { message_id: 5, chat: { id: -100 } };
  const callback_query = { from: { id: 7 }, message, data: "pick:abc:0" };
  expect(takeUpdates()).toMatchObject([{ update: { callback_query } }]);
  expect(JSON.parse(await readChat())).toMatchObject({ messages: [{ id: MESSAGE_KEY, reply: true }] });
  expect(await post("/api/chat", { text: "Friendly", message: MESSAGE_KEY })).toBe("202");
  const [body] = takeUpdates();
  expect(body?.update).toMatchObject({ message: { text: "Friendly", reply_to_message: { message_id: 5 } } });
  expect(body).toMatchObject({ type: "page_input", atPage: true });
});

test.each([
  ["is not there", "message:2:-100:5", {}],
  ["is in another chat", MESSAGE_KEY, { chat: "-200" }],
  ["only the page shows", MESSAGE_KEY, { messageId: 0 }],
])("a reply from the page is refused to a message that %s", async (_, message, more) => {
  const { post, takeUpdates, readChat } = await createShownMessage(more);
  expect(await post("/api/chat", { text: "Friendly", message })).toBe("409 conflict");
  expect(takeUpdates()).toEqual([]);
  if (message === MESSAGE_KEY) expect(await readChat()).not.toContain('"reply"');
});

test("a text from the page is for the task's agents, with the page's name in Plane, and stop marks the task", async () => {
  const { app, item } = await createTaskApp("Write it down", "Thot");
  const post = async (key: string, body: object) => Object.values(await app.call(`/api/tasks/${key}/remarks`, body));
  expect(await post("ONB-1", { text: "Use blue" })).toEqual([200, { key: "ONB-1", agents: ["Thot"], stopped: false }]);
  expect((await app.callTool("Thot", "get_task_details", { task: "ONB-1" })).json).toMatchObject({
    remarks: [{ by: "admin", text: "Use blue" }],
  });
  await app.drain();
  expect(app.readComments(item)).toContain("Ada: <p><strong>admin</strong> wrote:</p><p>Use blue</p>");
  expect(await post("ONB-1", { text: "stop" })).toEqual([200, { key: "ONB-1", agents: ["Thot"], stopped: true }]);
  const { status, json } = await app.callTool("Thot", "claim_task", { task: "ONB-1" });
  expect([status, json]).toMatchObject([409, { error: { code: "stopped" } }]);
  expect(await post("ONB-99", { text: "stop" })).toMatchObject([404, { error: { code: "not_found" } }]);
  expect(await post("ONB-1", { text: " " })).toMatchObject([400, {}]);
});

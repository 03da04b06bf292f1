import { expect, test } from "vitest";
import { z } from "zod";
import { chatRoute } from "../../../functions/dashboard/chat-routes.ts";
import { cyclesTick } from "../../../functions/poll/poll-tick.ts";
import { createHttpApp } from "../../../shared/http/http-app.ts";
import { chatMessageKey, createChatMessagePut } from "../../../shared/telegram/message-log.ts";
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

/** The formatted parts of a message. */
const readParts = ({
  text,
  entities,
}: {
  text: string;
  entities: { type: string; offset: number; length: number }[];
}) => entities.map(({ type, offset, length }) => [type, text.slice(offset, offset + length)]);

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

test("The chat on the page formats the same parts of a message as Telegram, also after removed characters", async () => {
  const { app, readChat } = await createChat();
  // Telegram would detect links in these names, so word joiners stand in them, before formatted parts.
  app.plane.editProject(app.onb, { name: app.onb.name, cycle_view: true });
  for (const name of ["www.example.com", `a${INVISIBLE}.b`])
    app.plane.addCycle(app.onb, { name, start_date: "2026-11-20", end_date: "2026-11-27" });
  app.addTask(`Write${INVISIBLE} mail.txt`, "Imhotep");
  await app.runFirstPoll();
  await cyclesTick.run(app.deps);
  const [reply] = await app.sendMessage("/plane project ONB");
  if (!reply) throw new Error("no reply");
  const sent = readParts(reply).map(([type = "", part = ""]) => [type, part.replaceAll("\u2060", "")]);
  expect(reply.text.replaceAll("\u2060", "").length).toBeLessThan(reply.text.length - 1);
  expect(sent).toContainEqual(["text_link", "ONB-1 Write mail.txt"]);
  const { messages } = await readChat();
  const shown = messages.find(({ by }) => by === undefined);
  expect(shown && readParts(shown)).toEqual(sent);
  expect(shown?.text).toBe(reply.text.replaceAll("\u2060", ""));
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

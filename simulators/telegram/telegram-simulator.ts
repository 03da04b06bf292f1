import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createBadRequest, toRefusalResponse, toResultResponse } from "./bot-api-responses.ts";
import { createCallHandler, type TelegramFault } from "./call-handler.ts";
import { createChats } from "./chats.ts";
import { editMessageSchema, findMessageProblem, sendMessageSchema } from "./message-payload.ts";
import type { TelegramLimits } from "./rate-limits.ts";
import { createUpdateQueue, type SimulatedUpdate } from "./update-queue.ts";

interface TelegramSimulatorOptions {
  clock: () => number;
  token?: string;
  /** The chats the bot is in; every other one is `chat not found`. */
  chats: readonly (number | string)[];
  limits?: Partial<TelegramLimits>;
}

type CommandMenu = { command: string; description: string }[];

/** A button that somebody pressed. */
export interface ButtonPress {
  answers: string[];
  update: SimulatedUpdate;
}

const chatSchema = z.strictObject({ chat_id: z.union([z.number(), z.string()]) });
const answerSchema = z.strictObject({ callback_query_id: z.string(), text: z.string().max(200).optional() });
const commandsSchema = z.strictObject({
  commands: z.array(
    z.strictObject({ command: z.string().regex(/^[a-z0-9_]{1,32}$/), description: z.string().min(1).max(256) }),
  ),
  language_code: z.string().length(2).or(z.literal("")).default(""),
});

type MessagePlace = { replyTo?: number; topic?: number };

/** In a topic it is the topic; else a supergroup's replies are a thread as well, in which nothing can be sent. */
function toThreadFields(chat: number, { topic, replyTo }: MessagePlace = {}) {
  if (topic !== undefined) return { message_thread_id: topic, is_topic_message: true };
  return chat < 0 && replyTo !== undefined ? { message_thread_id: replyTo } : {};
}

export type TelegramSimulator = ReturnType<typeof createTelegramSimulator>;

/** Telegram's own words for an edit that changes nothing. */
const NOT_MODIFIED =
  "message is not modified: specified new message content and reply markup are exactly the same as a current " +
  "content and reply markup of the message";

/**
 * An in-memory Telegram behind the Bot API over real HTTP: messages, edits, buttons, updates, commands.
 * It checks what Telegram checks, keeps its limits, and can misbehave as networks do.
 */
export function createTelegramSimulator({
  clock,
  token = "1000:demo",
  chats: knownChats,
  limits,
}: TelegramSimulatorOptions) {
  const chats = createChats(clock);
  const updates = createUpdateQueue();
  const menus = new Map<string, CommandMenu>();
  const presses = new Map<string, ButtonPress>();
  const languages = new Map<number, string>();
  const topics = new Map<string, "open" | "closed">();
  const setTopic = (chat: number | string, topic: number, state: "open" | "closed") =>
    void topics.set(`${chat}:${topic}`, state);
  const callHandler = createCallHandler(clock, limits);

  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use("/:bot/*", (c, next) =>
    c.req.param("bot") === `bot${token}`
      ? next()
      : Promise.resolve(toRefusalResponse({ status: 401, description: "Unauthorized" })),
  );
  app.all("/:bot/getMe", () => {
    const id = Number(token.split(":")[0]);
    return toResultResponse({ id, is_bot: true, first_name: "Groundcrew", username: "groundcrew_bot" });
  });
  const findProblem = (chat: number | string, ...message: Parameters<typeof findMessageProblem>) =>
    knownChats.map(String).includes(String(chat)) ? findMessageProblem(...message) : "chat not found";

  app.post("/:bot/sendMessage", async (c) => {
    const sent = sendMessageSchema.safeParse(await c.req.json().catch(() => ({})));
    if (!sent.success) return toRefusalResponse(createBadRequest(z.prettifyError(sent.error)));
    const { chat_id: chat, text, entities, link_preview_options: previews } = sent.data;
    const { reply_markup: markup, reply_parameters: reply, message_thread_id: topic } = sent.data;
    const apply = () => {
      const problem = findProblem(chat, text, entities);
      if (problem !== undefined) return createBadRequest(problem);
      const topicState = topic === undefined ? "open" : topics.get(`${chat}:${topic}`);
      if (topicState !== "open")
        return createBadRequest(topicState === "closed" ? "TOPIC_CLOSED" : "message thread not found");
      const isReplyTargetPresent = chats.getChat(chat).messages.some(({ id }) => id === reply?.message_id);
      if (reply && !isReplyTargetPresent && !reply.allow_sending_without_reply)
        return createBadRequest("message to be replied not found");
      return chats.post(chat, {
        text,
        entities,
        previews: previews?.is_disabled !== true,
        buttons: markup?.inline_keyboard ?? [],
        ...omitUndefined({ replyTo: reply && isReplyTargetPresent ? reply.message_id : undefined, topic }),
      });
    };
    return callHandler.handleCall(c.env, { method: "sendMessage", chat, text, apply });
  });
  app.post("/:bot/editMessageText", async (c) => {
    const sent = editMessageSchema.safeParse(await c.req.json().catch(() => ({})));
    if (!sent.success) return toRefusalResponse(createBadRequest(z.prettifyError(sent.error)));
    const { chat_id: chat, message_id, text, entities, link_preview_options: previews } = sent.data;
    const buttons = sent.data.reply_markup?.inline_keyboard ?? [];
    const apply = () => {
      const problem = findProblem(chat, text, entities);
      if (problem !== undefined) return createBadRequest(problem);
      const content = { text, entities, previews: previews?.is_disabled !== true, buttons };
      const edited = chats.edit(chat, message_id, content);
      if (edited === "not found") return createBadRequest("message to edit not found");
      return edited === "not modified" ? createBadRequest(NOT_MODIFIED) : edited;
    };
    return callHandler.handleCall(c.env, { method: "editMessageText", chat, text, apply });
  });
  const readBody = (c: Context) => c.req.json<unknown>().catch(() => ({}));
  app.post("/:bot/getChat", async (c) => {
    const request = chatSchema.safeParse(await readBody(c));
    const chat = request.success ? request.data.chat_id : "";
    if (!knownChats.map(String).includes(String(chat))) return toRefusalResponse(createBadRequest("chat not found"));
    if (Number(chat) < 0) return toResultResponse({ id: Number(chat), type: "supergroup", title: "The crew" });
    if (typeof chat === "string") return toResultResponse({ id: -1000000000001, type: "channel", title: chat });
    return toResultResponse({ id: chat, type: "private", first_name: "Ada" });
  });
  app.post("/:bot/answerCallbackQuery", async (c) => {
    const answer = answerSchema.safeParse(await readBody(c));
    const pressed = answer.success ? presses.get(answer.data.callback_query_id) : undefined;
    if (!answer.success || !pressed)
      return toRefusalResponse(
        createBadRequest("query is too old and response timeout expired or query ID is invalid"),
      );
    pressed.answers.push(answer.data.text ?? "");
    return toResultResponse(true);
  });
  app.post("/:bot/getUpdates", async (c) => updates.getUpdates(await readBody(c)));
  app.post("/:bot/setWebhook", async (c) => updates.setWebhook(await readBody(c)));
  app.post("/:bot/deleteWebhook", () => updates.setWebhook({ url: "" }));
  app.post("/:bot/getWebhookInfo", () => updates.getWebhookInfo());
  app.post("/:bot/setMyCommands", async (c) => {
    const parsedCommands = commandsSchema.safeParse(await readBody(c));
    if (!parsedCommands.success) return toRefusalResponse(createBadRequest(z.prettifyError(parsedCommands.error)));
    menus.set(parsedCommands.data.language_code, parsedCommands.data.commands);
    return toResultResponse(true);
  });
  app.post("/:bot/getMyCommands", async (c) => {
    const request = commandsSchema.partial({ commands: true }).safeParse(await readBody(c));
    if (!request.success) return toRefusalResponse(createBadRequest(z.prettifyError(request.error)));
    return toResultResponse(menus.get(request.data.language_code) ?? []);
  });
  app.notFound(() => toRefusalResponse({ status: 404, description: "Not Found" }));

  let server: ReturnType<typeof createAdaptorServer> | undefined;
  let port = 0;

  /** Listens on `at`, or any free port; answers with the address for `TELEGRAM_API_ROOT`. */
  async function start(listenPort = port): Promise<string> {
    const starting = createAdaptorServer({ fetch: app.fetch });
    await new Promise<void>((resolve, reject) => {
      starting.once("error", reject);
      starting.listen(listenPort, "127.0.0.1", resolve);
    });
    const address = starting.address();
    if (address !== null && typeof address !== "string") port = address.port;
    server = starting;
    return `http://127.0.0.1:${port}`;
  }

  /** Connections are refused until it is started again, on the same port. */
  async function stop(): Promise<void> {
    const stopping = server;
    server = undefined;
    updates.releasePoll();
    if (!stopping) return;
    const closed = new Promise<void>((resolve) => stopping.close(() => resolve()));
    if ("closeAllConnections" in stopping) stopping.closeAllConnections();
    await closed;
  }

  return {
    token,
    start,
    stop,
    /** Every message and edit that was received, in order. */
    calls: callHandler.calls,
    /** The messages of a chat as people see them now. */
    chat: chats.getChat,
    /** Puts messages as they were into a chat. */
    restoreMessages: chats.restore,
    /** What a person does who deletes a message. */
    removeMessage: chats.remove,
    /** A group is a forum and has this topic; in a closed one only its administrators write. */
    setTopic,
    /** Somebody writes into a chat; `more.as`: what else the update says, or says otherwise. */
    async postAsUser(chat: number, from: number, text: string, { as, ...more }: MessagePlace & { as?: object } = {}) {
      const { id } = chats.post(chat, { text, entities: [], previews: true, buttons: [], from, ...more });
      if (more.topic !== undefined && !topics.has(`${chat}:${more.topic}`)) setTopic(chat, more.topic, "open");
      return updates.addUpdate("message", {
        message_id: id,
        from: { id: from, is_bot: false, first_name: "Ada", language_code: languages.get(from) ?? "en" },
        chat: { id: chat, type: chat < 0 ? "supergroup" : "private" },
        date: Math.floor(clock() / 1000),
        text,
        ...toThreadFields(chat, more),
        ...omitUndefined({ reply_to_message: more.replyTo !== undefined ? { message_id: more.replyTo } : undefined }),
        ...as,
      });
    },
    /** Somebody presses a button; what they are shown for a moment is in `answers`, "" for nothing. */
    async press(chat: number, from: number, messageId: number, data: string): Promise<ButtonPress> {
      const id = String(presses.size + 1);
      const press: ButtonPress = { answers: [], update: { update_id: 0 } };
      presses.set(id, press);
      const pressed = chats.getChat(chat).messages.find((one) => one.id === messageId);
      press.update = await updates.addUpdate("callback_query", {
        id,
        from: { id: from, is_bot: false, first_name: "Ada", language_code: languages.get(from) ?? "en" },
        chat_instance: "1",
        message: {
          message_id: messageId,
          date: 0,
          chat: { id: chat, type: chat < 0 ? "supergroup" : "private" },
          ...toThreadFields(chat, pressed),
        },
        data,
      });
      return press;
    },
    /** The language of a person's Telegram; English unless told. */
    setLanguage: (person: number, language: string) => void languages.set(person, language),
    /** An update comes once more. */
    repeatUpdate: updates.repeatUpdate,
    /** What waits is brought to the webhook once more. */
    redeliverUpdates: updates.redeliver,
    /** The command menu of a language; "" for everybody else. */
    findMenu: (language: string) => menus.get(language),
    /** The next messages and edits meet these faults, one each. */
    injectFaults: (...faults: TelegramFault[]) => void callHandler.faults.push(...faults),
    /** Every call to this chat is refused until `allow`. */
    refuseChat: (chat: number | string, status: number, description: string) =>
      void callHandler.refusedChats.set(String(chat), { status, description }),
    /** The group becomes a supergroup with another number (one of `chats`). */
    upgradeToSupergroup: (chat: number, movedTo: number) =>
      void callHandler.refusedChats.set(String(chat), {
        ...createBadRequest("group chat was upgraded to a supergroup chat"),
        movedTo,
      }),
    allowChat: (chat: number | string) => void callHandler.refusedChats.delete(String(chat)),
  };
}

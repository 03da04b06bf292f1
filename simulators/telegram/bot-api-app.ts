import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createBadRequest, toRefusalResponse, toResultResponse } from "./bot-api-responses.ts";
import type { createCallHandler } from "./call-handler.ts";
import type { createChats } from "./chats.ts";
import { editMessageSchema, findMessageProblem, sendMessageSchema } from "./message-payload.ts";
import type { createUpdateQueue, SimulatedUpdate } from "./update-queue.ts";

export type CommandMenu = { command: string; description: string }[];

/** A pressed button. */
export interface ButtonPress {
  /** What the bot answered, shown to the person for a moment. */
  answers: string[];
  update: SimulatedUpdate;
}

/** What the Bot API reads and changes. */
interface BotApiState {
  token: string;
  knownChats: readonly (number | string)[];
  chats: ReturnType<typeof createChats>;
  /** The topics of forums, by `<chat>:<topic>`. */
  topics: ReadonlyMap<string, "open" | "closed">;
  /** Pressed buttons by the id of their callback query. */
  presses: ReadonlyMap<string, ButtonPress>;
  /** Command menus by language code; those of a scope by `<scope>:<language code>`. */
  menus: Map<string, CommandMenu>;
  updates: ReturnType<typeof createUpdateQueue>;
  callHandler: ReturnType<typeof createCallHandler>;
}

const chatSchema = z.strictObject({ chat_id: z.union([z.number(), z.string()]) });
const answerSchema = z.strictObject({ callback_query_id: z.string(), text: z.string().max(200).optional() });
const commandsSchema = z.strictObject({
  commands: z.array(
    z.strictObject({ command: z.string().regex(/^[a-z0-9_]{1,32}$/), description: z.string().min(1).max(256) }),
  ),
  language_code: z.string().length(2).or(z.literal("")).default(""),
  scope: z.strictObject({ type: z.enum(["default", "all_private_chats"]) }).default({ type: "default" }),
});

/** The key of a menu: its language code, after the scope when it has one. */
const toMenuKey = (language: string, scope: string) => (scope === "default" ? language : `${scope}:${language}`);

/** Telegram's error text for an edit that changes nothing. */
const NOT_MODIFIED =
  "message is not modified: specified new message content and reply markup are exactly the same as a current " +
  "content and reply markup of the message";

/** Creates the HTTP application of the Bot API. */
export function createBotApiApp(state: BotApiState) {
  const { token, knownChats, chats, topics, presses, menus, updates, callHandler } = state;
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
    const silent = sent.data.disable_notification ? (true as const) : undefined;
    const isProtected = sent.data.protect_content ? (true as const) : undefined;
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
        ...omitUndefined({ silent, isProtected }),
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
    const { language_code: language, scope, commands } = parsedCommands.data;
    menus.set(toMenuKey(language, scope.type), commands);
    return toResultResponse(true);
  });
  app.post("/:bot/getMyCommands", async (c) => {
    const request = commandsSchema.partial({ commands: true }).safeParse(await readBody(c));
    if (!request.success) return toRefusalResponse(createBadRequest(z.prettifyError(request.error)));
    const { language_code: language = "", scope } = request.data;
    return toResultResponse(menus.get(toMenuKey(language, scope?.type ?? "default")) ?? []);
  });
  app.notFound(() => toRefusalResponse({ status: 404, description: "Not Found" }));
  return app;
}

import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { bad, refusal, result } from "./answers.ts";
import { createChats } from "./chats.ts";
import { createDoor, type Fault } from "./door.ts";
import type { TelegramLimits } from "./limits.ts";
import { editSchema, problemWith, sendSchema } from "./payload.ts";
import { createUpdates, type SentUpdate } from "./updates.ts";

interface TelegramOptions {
  clock: () => number;
  token?: string;
  /** The chats the bot is in; every other one is `chat not found`. */
  chats: readonly (number | string)[];
  limits?: Partial<TelegramLimits>;
}

type Menu = { command: string; description: string }[];

/** A button that somebody pressed. */
export interface Press {
  answers: string[];
  update: SentUpdate;
}

const chatSchema = z.strictObject({ chat_id: z.union([z.number(), z.string()]) });
const answerSchema = z.strictObject({ callback_query_id: z.string(), text: z.string().max(200).optional() });
const commandsSchema = z.strictObject({
  commands: z.array(
    z.strictObject({ command: z.string().regex(/^[a-z0-9_]{1,32}$/), description: z.string().min(1).max(256) }),
  ),
  language_code: z.string().length(2).or(z.literal("")).default(""),
});

type Place = { replyTo?: number; topic?: number };

/** In a topic it is the topic; else a supergroup's replies are a thread as well, in which nothing can be sent. */
function threadOf(chat: number, { topic, replyTo }: Place = {}) {
  if (topic !== undefined) return { message_thread_id: topic, is_topic_message: true };
  return chat < 0 && replyTo !== undefined ? { message_thread_id: replyTo } : {};
}

export type Telegram = ReturnType<typeof createTelegram>;

/** Telegram's own words for an edit that changes nothing. */
const NOT_MODIFIED =
  "message is not modified: specified new message content and reply markup are exactly the same as a current " +
  "content and reply markup of the message";

/**
 * An in-memory Telegram behind the Bot API over real HTTP: messages, edits, buttons, updates, commands.
 * It checks what Telegram checks, keeps its limits, and can misbehave as networks do.
 */
export function createTelegram({ clock, token = "1000:demo", chats: known, limits }: TelegramOptions) {
  const chats = createChats(clock);
  const updates = createUpdates();
  const menus = new Map<string, Menu>();
  const presses = new Map<string, Press>();
  const languages = new Map<number, string>();
  const topics = new Map<string, "open" | "closed">();
  const setTopic = (chat: number | string, topic: number, state: "open" | "closed") =>
    void topics.set(`${chat}:${topic}`, state);
  const door = createDoor(clock, limits);

  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use("/:bot/*", (c, next) =>
    c.req.param("bot") === `bot${token}`
      ? next()
      : Promise.resolve(refusal({ status: 401, description: "Unauthorized" })),
  );
  app.all("/:bot/getMe", () => {
    const id = Number(token.split(":")[0]);
    return result({ id, is_bot: true, first_name: "Groundcrew", username: "groundcrew_bot" });
  });
  const refusedText = (chat: number | string, ...message: Parameters<typeof problemWith>) =>
    known.map(String).includes(String(chat)) ? problemWith(...message) : "chat not found";

  app.post("/:bot/sendMessage", async (c) => {
    const sent = sendSchema.safeParse(await c.req.json().catch(() => ({})));
    if (!sent.success) return refusal(bad(z.prettifyError(sent.error)));
    const { chat_id: chat, text, entities, link_preview_options: previews } = sent.data;
    const { reply_markup: markup, reply_parameters: reply, message_thread_id: topic } = sent.data;
    const act = () => {
      const problem = refusedText(chat, text, entities);
      if (problem !== undefined) return bad(problem);
      const place = topic === undefined ? "open" : topics.get(`${chat}:${topic}`);
      if (place !== "open") return bad(place === "closed" ? "TOPIC_CLOSED" : "message thread not found");
      const there = chats.chat(chat).messages.some(({ id }) => id === reply?.message_id);
      if (reply && !there && !reply.allow_sending_without_reply) return bad("message to be replied not found");
      return chats.post(chat, {
        ...{ text, entities, previews: previews?.is_disabled !== true, buttons: markup?.inline_keyboard ?? [] },
        ...(reply && there && { replyTo: reply.message_id }),
        ...(topic !== undefined && { topic }),
      });
    };
    return door.pass(c.env, { method: "sendMessage", chat, text, act });
  });
  app.post("/:bot/editMessageText", async (c) => {
    const sent = editSchema.safeParse(await c.req.json().catch(() => ({})));
    if (!sent.success) return refusal(bad(z.prettifyError(sent.error)));
    const { chat_id: chat, message_id, text, entities, link_preview_options: previews } = sent.data;
    const buttons = sent.data.reply_markup?.inline_keyboard ?? [];
    const act = () => {
      const problem = refusedText(chat, text, entities);
      if (problem !== undefined) return bad(problem);
      const shown = { text, entities, previews: previews?.is_disabled !== true, buttons };
      const edited = chats.edit(chat, message_id, shown);
      if (edited === "not found") return bad("message to edit not found");
      return edited === "not modified" ? bad(NOT_MODIFIED) : edited;
    };
    return door.pass(c.env, { method: "editMessageText", chat, text, act });
  });
  const bodyOf = (c: Context) => c.req.json<unknown>().catch(() => ({}));
  app.post("/:bot/getChat", async (c) => {
    const asked = chatSchema.safeParse(await bodyOf(c));
    const chat = asked.success ? asked.data.chat_id : "";
    if (!known.map(String).includes(String(chat))) return refusal(bad("chat not found"));
    if (Number(chat) < 0) return result({ id: Number(chat), type: "supergroup", title: "The crew" });
    if (typeof chat === "string") return result({ id: -1000000000001, type: "channel", title: chat });
    return result({ id: chat, type: "private", first_name: "Ada" });
  });
  app.post("/:bot/answerCallbackQuery", async (c) => {
    const answer = answerSchema.safeParse(await bodyOf(c));
    const pressed = answer.success ? presses.get(answer.data.callback_query_id) : undefined;
    if (!answer.success || !pressed)
      return refusal(bad("query is too old and response timeout expired or query ID is invalid"));
    pressed.answers.push(answer.data.text ?? "");
    return result(true);
  });
  app.post("/:bot/getUpdates", async (c) => updates.get(await bodyOf(c)));
  app.post("/:bot/setWebhook", async (c) => updates.setWebhook(await bodyOf(c)));
  app.post("/:bot/deleteWebhook", () => updates.setWebhook({ url: "" }));
  app.post("/:bot/getWebhookInfo", () => updates.webhookInfo());
  app.post("/:bot/setMyCommands", async (c) => {
    const set = commandsSchema.safeParse(await bodyOf(c));
    if (!set.success) return refusal(bad(z.prettifyError(set.error)));
    menus.set(set.data.language_code, set.data.commands);
    return result(true);
  });
  app.post("/:bot/getMyCommands", async (c) => {
    const asked = commandsSchema.partial({ commands: true }).safeParse(await bodyOf(c));
    if (!asked.success) return refusal(bad(z.prettifyError(asked.error)));
    return result(menus.get(asked.data.language_code) ?? []);
  });
  app.notFound(() => refusal({ status: 404, description: "Not Found" }));

  let server: ReturnType<typeof createAdaptorServer> | undefined;
  let port = 0;

  /** Listens on `at`, or any free port; answers with the address for `TELEGRAM_API_ROOT`. */
  async function start(at = port): Promise<string> {
    const starting = createAdaptorServer({ fetch: app.fetch });
    await new Promise<void>((resolve, reject) => {
      starting.once("error", reject);
      starting.listen(at, "127.0.0.1", resolve);
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
    updates.hangUp();
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
    calls: door.calls,
    /** The messages of a chat as people see them now. */
    chat: chats.chat,
    /** What a person does who deletes a message. */
    remove: chats.remove,
    /** A group is a forum and has this topic; in a closed one only its administrators write. */
    setTopic,
    /** Somebody writes into a chat; `more.as`: what else the update says, or says otherwise. */
    async say(chat: number, from: number, text: string, { as, ...more }: Place & { as?: object } = {}) {
      const { id } = chats.post(chat, { text, entities: [], previews: true, buttons: [], from, ...more });
      if (more.topic !== undefined && !topics.has(`${chat}:${more.topic}`)) setTopic(chat, more.topic, "open");
      return updates.happen("message", {
        message_id: id,
        from: { id: from, is_bot: false, first_name: "Ada", language_code: languages.get(from) ?? "en" },
        chat: { id: chat, type: chat < 0 ? "supergroup" : "private" },
        date: Math.floor(clock() / 1000),
        text,
        ...threadOf(chat, more),
        ...(more.replyTo !== undefined && { reply_to_message: { message_id: more.replyTo } }),
        ...as,
      });
    },
    /** Somebody presses a button; what they are shown for a moment is in `answers`, "" for nothing. */
    async press(chat: number, from: number, messageId: number, data: string): Promise<Press> {
      const id = String(presses.size + 1);
      const press: Press = { answers: [], update: { update_id: 0 } };
      presses.set(id, press);
      const pressed = chats.chat(chat).messages.find((one) => one.id === messageId);
      press.update = await updates.happen("callback_query", {
        id,
        from: { id: from, is_bot: false, first_name: "Ada", language_code: languages.get(from) ?? "en" },
        chat_instance: "1",
        message: {
          message_id: messageId,
          date: 0,
          chat: { id: chat, type: chat < 0 ? "supergroup" : "private" },
          ...threadOf(chat, pressed),
        },
        data,
      });
      return press;
    },
    /** The language of a person's Telegram; English unless told. */
    speaks: (person: number, language: string) => void languages.set(person, language),
    /** An update comes once more. */
    again: updates.again,
    /** What waits is brought to the webhook once more. */
    redeliver: updates.redeliver,
    /** The command menu of a language; "" for everybody else. */
    menu: (language: string) => menus.get(language),
    /** The next messages and edits meet these faults, one each. */
    meet: (...faults: Fault[]) => void door.faults.push(...faults),
    /** Every call to this chat is refused until `allow`. */
    refuse: (chat: number | string, status: number, description: string) =>
      void door.refused.set(String(chat), { status, description }),
    /** The group becomes a supergroup with another number (one of `chats`). */
    upgrade: (chat: number, movedTo: number) =>
      void door.refused.set(String(chat), {
        ...bad("group chat was upgraded to a supergroup chat"),
        movedTo,
      }),
    allow: (chat: number | string) => void door.refused.delete(String(chat)),
  };
}

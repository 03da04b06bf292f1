import { createAdaptorServer } from "@hono/node-server";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { closeLocalServer, listenLocally } from "../local-server.ts";
import { type ButtonPress, type CommandMenu, createBotApiApp } from "./bot-api-app.ts";
import { createBadRequest } from "./bot-api-responses.ts";
import { createCallHandler, type TelegramFault } from "./call-handler.ts";
import { createChats } from "./chats.ts";
import type { TelegramLimits } from "./rate-limits.ts";
import { createUpdateQueue } from "./update-queue.ts";

interface TelegramSimulatorOptions {
  clock: () => number;
  token?: string;
  /** The chats the bot is a member of; for every other chat the answer is `chat not found`. */
  chats: readonly (number | string)[];
  limits?: Partial<TelegramLimits>;
}

type MessagePlace = { replyTo?: number; topic?: number };

/**
 * In a forum the thread is the topic. In other supergroups Telegram also reports a thread for replies, but a bot cannot
 * send into it.
 */
function toThreadFields(chat: number, { topic, replyTo }: MessagePlace = {}) {
  if (topic !== undefined) return { message_thread_id: topic, is_topic_message: true };
  return chat < 0 && replyTo !== undefined ? { message_thread_id: replyTo } : {};
}

export type TelegramSimulator = ReturnType<typeof createTelegramSimulator>;

/**
 * Creates a simulated Telegram with the Bot API over real HTTP: messages, edits, buttons, updates, commands.
 * It checks what Telegram checks, applies its limits, and can inject network faults.
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

  const botId = Number(token.split(":")[0]);
  const renderUser = (id: number) => ({
    id,
    is_bot: false,
    first_name: "Ada",
    language_code: languages.get(id) ?? "en",
  });
  const renderChat = (id: number) => ({ id, type: id < 0 ? "supergroup" : "private" });
  /** The message that another one replies to: with its author, its text and its buttons. */
  const renderReplied = (chat: number, id: number) => {
    const { from, text, buttons = [] } = chats.getChat(chat).messages.find((one) => one.id === id) ?? {};
    const author = from === undefined ? { id: botId, is_bot: true, first_name: "Groundcrew" } : renderUser(from);
    const markup = buttons.length > 0 ? { reply_markup: { inline_keyboard: buttons } } : {};
    return { message_id: id, ...(text === undefined ? {} : { from: author, text, ...markup }) };
  };
  const app = createBotApiApp({ token, knownChats, chats, topics, presses, menus, updates, callHandler });

  let server: ReturnType<typeof createAdaptorServer> | undefined;
  let port = 0;

  /** Listens on `listenPort` (default: any free port) and returns the value for `TELEGRAM_API_ROOT`. */
  async function start(listenPort = port): Promise<string> {
    const starting = createAdaptorServer({ fetch: app.fetch });
    port = await listenLocally(starting, listenPort);
    server = starting;
    return `http://127.0.0.1:${port}`;
  }

  /** Refuses connections until `start`, which listens on the same port again. */
  async function stop(): Promise<void> {
    const stopping = server;
    server = undefined;
    updates.releasePoll();
    await closeLocalServer(stopping);
  }

  return {
    token,
    start,
    stop,
    /** Every received message and edit, in order. */
    calls: callHandler.calls,
    /** A chat with its messages in their current version. */
    chat: chats.getChat,
    /** Adds saved messages to a chat, with their ids. */
    restoreMessages: chats.restore,
    /** A person deletes a message. */
    removeMessage: chats.remove,
    /**
     * Adds a topic to a group, which makes the group a forum, or changes its state. Only administrators write into a
     * closed topic.
     */
    setTopic,
    /** A person writes into a chat. `as` holds fields that are added to the update's message or replace its fields. */
    async postAsUser(chat: number, from: number, text: string, { as, ...more }: MessagePlace & { as?: object } = {}) {
      const { id } = chats.post(chat, { text, entities: [], previews: true, buttons: [], from, ...more });
      if (more.topic !== undefined && !topics.has(`${chat}:${more.topic}`)) setTopic(chat, more.topic, "open");
      return updates.addUpdate("message", {
        message_id: id,
        from: renderUser(from),
        chat: renderChat(chat),
        date: Math.floor(clock() / 1000),
        text,
        ...toThreadFields(chat, more),
        ...omitUndefined({
          reply_to_message: more.replyTo === undefined ? undefined : renderReplied(chat, more.replyTo),
        }),
        ...as,
      });
    },
    /**
     * A person presses a button. `answers` of the result receives the texts that the bot shows for a moment, "" for
     * none.
     */
    async press(chat: number, from: number, messageId: number, data: string): Promise<ButtonPress> {
      const id = String(presses.size + 1);
      const press: ButtonPress = { answers: [], update: { update_id: 0 } };
      presses.set(id, press);
      const pressed = chats.getChat(chat).messages.find(({ id: sentId }) => sentId === messageId);
      press.update = await updates.addUpdate("callback_query", {
        id,
        from: renderUser(from),
        chat_instance: "1",
        message: {
          message_id: messageId,
          date: 0,
          chat: renderChat(chat),
          ...toThreadFields(chat, pressed),
        },
        data,
      });
      return press;
    },
    /** Sets the language of a person's Telegram; the default is English. */
    setLanguage: (person: number, language: string) => void languages.set(person, language),
    /** Delivers the same update again. */
    repeatUpdate: updates.repeatUpdate,
    /** Sends all pending updates to the webhook again. */
    redeliverUpdates: updates.redeliver,
    /** The command menu of a language; "" is the menu for all other languages. `all_private_chats:fr` names a scope. */
    findMenu: (language: string) => menus.get(language),
    /** Injects these faults into the next messages and edits, one into each. */
    injectFaults: (...faults: TelegramFault[]) => void callHandler.faults.push(...faults),
    /** Refuses every call to this chat until `allowChat`. */
    refuseChat: (chat: number | string, status: number, description: string) =>
      void callHandler.refusedChats.set(String(chat), { status, description }),
    /** The group becomes a supergroup with the id `movedTo`, which must be one of `chats`. */
    upgradeToSupergroup: (chat: number, movedTo: number) =>
      void callHandler.refusedChats.set(String(chat), {
        ...createBadRequest("group chat was upgraded to a supergroup chat"),
        movedTo,
      }),
    allowChat: (chat: number | string) => void callHandler.refusedChats.delete(String(chat)),
  };
}

import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { removeInvisible } from "../../shared/clean-text.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { type ChatMessage, chatMessageSet } from "../../shared/telegram/message-log.ts";
import type { ChatAnswer } from "./api-answers.ts";
import { canWriteToChat } from "./chat-write-route.ts";
import { cleanRichText } from "./clean-rich-text.ts";

/** The messages of the chats as people see them in Telegram, newest first. */
export const chatRoute: Route = { path: "/api/chat", access: "page", app };

const PAGE_SIZE = 60;

function app({ settings, store }: Pick<Deps, "settings" | "store">): Hono {
  const write = canWriteToChat(settings.telegram);
  return new Hono().get("/", async (c) => {
    const { rows, next } = await store.scan<ChatMessage>(chatMessageSet, c.req.query("before") || undefined, PAGE_SIZE);
    const chatMessages = rows.map(({ key, value }) => {
      const { shown, messageId, ...message } = value;
      const reply = write && messageId > 0 && !value.by && value.chat === String(settings.telegram?.chat);
      const [[, at] = [0, value.at]] = shown;
      const [notices = 1, editedAt] = shown.at(-1) ?? [];
      return {
        id: key,
        ...message,
        ...cleanRichText(message),
        at,
        notices,
        edits: shown.length - 1,
        ...omitUndefined({
          by: message.by === undefined ? undefined : removeInvisible(message.by),
          buttons: message.buttons?.map((row) => row.map(({ text, data }) => ({ text: removeInvisible(text), data }))),
          reply: reply || undefined,
          editedAt: shown.length > 1 ? editedAt : undefined,
        }),
      };
    });
    return c.json({ messages: chatMessages, write, ...omitUndefined({ next }) } satisfies ChatAnswer);
  });
}

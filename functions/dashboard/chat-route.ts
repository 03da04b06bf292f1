import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { removeInvisible } from "../../shared/clean-text.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { ScanPage } from "../../shared/store/port.ts";
import { type ChatMessage, chatMessageSet, isChatMessageKey } from "../../shared/telegram/message-log.ts";
import type { ChatAnswer } from "./api-answers.ts";
import { canWriteToChat } from "./chat-write-route.ts";
import { cleanRichText } from "./clean-rich-text.ts";

/** The messages of the chats as people see them in Telegram, newest first. */
export const chatRoute: Route = { path: "/api/chat", access: "page", app };

const PAGE_SIZE = 60;

function app({ settings, store }: Pick<Deps, "settings" | "store">): Hono {
  const write = canWriteToChat(settings.telegram);
  return new Hono().get("/", async (c) => {
    const { before, message: linked } = c.req.query();
    const { rows, next } =
      linked === undefined
        ? await store.scan<ChatMessage>(chatMessageSet, before || undefined, PAGE_SIZE)
        : await readLinkedMessage(store, linked);
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

/** Reads the message with this id, which may be older than those of a page. No row: it is not kept any more. */
async function readLinkedMessage(store: Pick<Deps["store"], "read">, id: string): Promise<ScanPage<ChatMessage>> {
  if (!isChatMessageKey(id)) return { rows: [] };
  const [found] = await store.read<ChatMessage>([id]);
  return { rows: found ? [{ key: id, ...found }] : [] };
}

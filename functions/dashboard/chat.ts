import { Hono } from "hono";
import type { Deps, Route } from "../../shared/deps.ts";
import { type ChatMessage, messages } from "../../shared/why/chat.ts";
import { maySteer } from "./say.ts";

/** The chats as the people in them see them, the newest message first. */
export const chat: Route = { path: "/api/chat", access: "page", app };

const SHOWN = 60;

function app({ settings, store }: Pick<Deps, "settings" | "store">): Hono {
  const write = maySteer(settings.telegram);
  return new Hono().get("/", async (c) => {
    const { rows, next } = await store.scan<ChatMessage>(messages, c.req.query("before") || undefined, SHOWN);
    const told = rows.map(({ key, value }) => {
      const { shown, messageId, ...message } = value;
      const reply = write && messageId > 0 && !value.by && value.chat === String(settings.telegram?.chat);
      const [[, at] = [0, value.at]] = shown;
      const [notices = 1, editedAt] = shown.at(-1) ?? [];
      return {
        id: key,
        ...message,
        at,
        notices,
        edits: shown.length - 1,
        ...(reply && { reply }),
        ...(shown.length > 1 && { editedAt }),
      };
    });
    return c.json({ messages: told, write, ...(next !== undefined && { next }) });
  });
}

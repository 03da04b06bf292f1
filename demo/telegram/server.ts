import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { z } from "zod";
import { bad, refusal, result } from "./answers.ts";
import { createChats } from "./chats.ts";
import { createDoor, type Fault } from "./door.ts";
import type { TelegramLimits } from "./limits.ts";
import { editSchema, problemWith, sendSchema } from "./payload.ts";

interface TelegramOptions {
  clock: () => number;
  token?: string;
  /** The chats the bot is in; every other one is `chat not found`. */
  chats: readonly (number | string)[];
  limits?: Partial<TelegramLimits>;
}

export type Telegram = ReturnType<typeof createTelegram>;

/** Telegram's own words for an edit that changes nothing. */
const NOT_MODIFIED =
  "message is not modified: specified new message content and reply markup are exactly the same as a current " +
  "content and reply markup of the message";

/**
 * An in-memory Telegram behind the Bot API over real HTTP: `getMe`, `sendMessage`, `editMessageText`.
 * It checks what Telegram checks, keeps its limits, and can misbehave as networks do.
 */
export function createTelegram({ clock, token = "1000:demo", chats: known, limits }: TelegramOptions) {
  const chats = createChats(clock);
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
    const act = () => {
      const problem = refusedText(chat, text, entities);
      return problem === undefined ? chats.post(chat, text, entities, previews?.is_disabled !== true) : bad(problem);
    };
    return door.pass(c.env, { method: "sendMessage", chat, text, act });
  });
  app.post("/:bot/editMessageText", async (c) => {
    const sent = editSchema.safeParse(await c.req.json().catch(() => ({})));
    if (!sent.success) return refusal(bad(z.prettifyError(sent.error)));
    const { chat_id: chat, message_id, text, entities, link_preview_options: previews } = sent.data;
    const act = () => {
      const problem = refusedText(chat, text, entities);
      if (problem !== undefined) return bad(problem);
      const edited = chats.edit(chat, message_id, text, entities, previews?.is_disabled !== true);
      if (edited === "not found") return bad("message to edit not found");
      return edited === "not modified" ? bad(NOT_MODIFIED) : edited;
    };
    return door.pass(c.env, { method: "editMessageText", chat, text, act });
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
    /** The next messages and edits meet these faults, one each. */
    meet: (...faults: Fault[]) => void door.faults.push(...faults),
    /** Every call to this chat is refused until `allow`. */
    refuse: (chat: number | string, status: number, description: string) =>
      void door.refused.set(String(chat), { status, description }),
    allow: (chat: number | string) => void door.refused.delete(String(chat)),
  };
}

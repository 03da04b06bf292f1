import { type Context, Hono } from "hono";
import { z } from "zod";
import type { TelegramSettings } from "../../shared/config.ts";
import type { Deps, Route } from "../../shared/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body.ts";
import { pageJob, type SaidAtPage } from "../../shared/telegram/update-job.ts";
import type { ChatMessage } from "../../shared/why/chat.ts";

/** What the person at the page writes into the chat, or presses there: as if the first allowed user had done it. */
export const say: Route = { path: "/api/chat", access: "page", app };

const language = z.enum(["en", "fr"]).optional();
/** Where a message of the chat is kept. */
const message = z.string().min(1).max(500);
/** `message`: the one it replies to. */
const saying = z.strictObject({ text: z.string().trim().min(1).max(4_096), message: message.optional(), language });
const pressing = z.strictObject({ message, data: z.string().min(1).max(64), language });

type SayDeps = Pick<Deps, "settings" | "store" | "newId" | "kick">;

function app(deps: SayDeps): Hono {
  const { settings, store } = deps;
  const readBody = createBodyReader(32_768);

  async function shownAt(key: string): Promise<ChatMessage | undefined> {
    const [kept] = key.startsWith("message:") ? await store.read<ChatMessage>([key]) : [];
    return kept?.value;
  }

  /** Telegram's number of the message that is replied to. */
  async function repliedTo(key: string): Promise<number> {
    const { chat } = steering(settings.telegram);
    const shown = await shownAt(key);
    if (shown && shown.messageId > 0 && shown.chat === String(chat)) return shown.messageId;
    throw new GroundcrewError("conflict", "This message is not there any more.");
  }

  async function keep(c: Context, said: SaidAtPage, language: "en" | "fr" | undefined) {
    const { chat, user } = steering(settings.telegram);
    const job = pageJob(deps.newId(), said, { user, chat, language }, c.get("correlation"));
    await store.commit({ jobs: [job] });
    deps.kick();
    return c.json({ ok: true }, 202);
  }

  return new Hono()
    .post("/", async (c) => {
      const given = parsed(saying, await readBody(c.req.raw), '{"text": "/plane status"}');
      const replyTo = given.message === undefined ? undefined : await repliedTo(given.message);
      return keep(c, { text: given.text, replyTo }, given.language);
    })
    .post("/press", async (c) => {
      const given = parsed(pressing, await readBody(c.req.raw), '{"message": "…", "data": "…"}');
      const shown = await shownAt(given.message);
      const isThere = shown?.buttons?.flat().some(({ data }) => data === given.data);
      if (!shown || !isThere)
        throw new GroundcrewError(
          "conflict",
          "This button is not there any more: the message says something else now.",
        );
      return keep(c, { messageId: shown.messageId, data: given.data }, given.language);
    });
}

/** Whether anybody may steer, and so the page. */
export function maySteer(telegram: TelegramSettings | undefined): boolean {
  return telegram !== undefined && telegram.allowedUsers.length > 0;
}

function steering(telegram: TelegramSettings | undefined): { chat: TelegramSettings["chat"]; user: number } {
  const [user] = telegram?.allowedUsers ?? [];
  if (telegram && user !== undefined) return { chat: telegram.chat, user };
  const message =
    "Nobody may steer from the chat: set TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID and TELEGRAM_ALLOWED_USERS.";
  throw new GroundcrewError("forbidden", message);
}

function parsed<T>(schema: z.ZodType<T>, body: Uint8Array, example: string): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(body)));
  } catch {
    throw new GroundcrewError("bad_request", `Send ${example}.`);
  }
}

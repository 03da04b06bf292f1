import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import type { TelegramSettings } from "../../shared/config/settings.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import { createPageUpdateJob, type PageInput } from "../../shared/jobs/updates-jobs.ts";
import { type ChatMessage, isChatMessageKey } from "../../shared/telegram/message-log.ts";

/** Accepts chat messages and button presses from the page; they count as those of the first allowed user. */
export const chatWriteRoute: Route = { path: "/api/chat", access: "page", app };

const languageSchema = z.enum(["en", "fr"]).optional();
/** The store key of a message in the message log. */
const messageKeySchema = z.string().min(1).max(500);
/** `message`: the message that this one replies to. */
const chatTextSchema = z.strictObject({
  text: z.string().trim().min(1).max(4_096),
  message: messageKeySchema.optional(),
  language: languageSchema,
});
const buttonPressSchema = z.strictObject({
  message: messageKeySchema,
  data: z.string().min(1).max(64),
  language: languageSchema,
});

type ChatWriteDeps = Pick<Deps, "settings" | "store" | "newId" | "kick">;

function app(deps: ChatWriteDeps): Hono {
  const { settings, store } = deps;
  const readBody = createBodyReader(32_768);

  async function readMessage(key: string): Promise<ChatMessage | undefined> {
    const [kept] = isChatMessageKey(key) ? await store.read<ChatMessage>([key]) : [];
    return kept?.value;
  }

  /** Returns Telegram's id of the message that is replied to. */
  async function getReplyTarget(key: string): Promise<number> {
    const { chat } = getChatWriter(settings.telegram);
    const shown = await readMessage(key);
    if (shown && shown.messageId > 0 && shown.chat === String(chat)) return shown.messageId;
    throw new GroundcrewError("conflict", "The message no longer exists.");
  }

  async function enqueue(c: Context, input: PageInput, language: "en" | "fr" | undefined) {
    const { chat, user } = getChatWriter(settings.telegram);
    const job = createPageUpdateJob(deps.newId(), input, { user, chat, language }, c.get("correlation"));
    await store.commit({ jobs: [job] });
    deps.kick();
    return c.json({ ok: true }, 202);
  }

  return new Hono()
    .post("/", async (c) => {
      const request = parseBody(chatTextSchema, await readBody(c.req.raw), '{"text": "/plane status"}');
      const replyTo = request.message === undefined ? undefined : await getReplyTarget(request.message);
      return enqueue(c, { text: request.text, replyTo }, request.language);
    })
    .post("/press", async (c) => {
      const request = parseBody(buttonPressSchema, await readBody(c.req.raw), '{"message": "…", "data": "…"}');
      const shown = await readMessage(request.message);
      const hasButton = shown?.buttons?.flat().some(({ data }) => data === request.data);
      if (!shown || !hasButton)
        throw new GroundcrewError("conflict", "The button no longer exists: the message has changed.");
      return enqueue(c, { messageId: shown.messageId, data: request.data }, request.language);
    });
}

/** Whether the page may write to the chat: commands need an allowed user. */
export function canWriteToChat(telegram: TelegramSettings | undefined): boolean {
  return telegram !== undefined && telegram.allowedUsers.length > 0;
}

function getChatWriter(telegram: TelegramSettings | undefined): { chat: TelegramSettings["chat"]; user: number } {
  const [user] = telegram?.allowedUsers ?? [];
  if (telegram && user !== undefined) return { chat: telegram.chat, user };
  const message = "Commands are disabled. Set TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID and TELEGRAM_ALLOWED_USERS.";
  throw new GroundcrewError("forbidden", message, { refusal: { name: "commandsOff" } });
}

function parseBody<T>(schema: z.ZodType<T>, body: Uint8Array, example: string): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(body)));
  } catch {
    throw new GroundcrewError("bad_request", `Send ${example}.`);
  }
}

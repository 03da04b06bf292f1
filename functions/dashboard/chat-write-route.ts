import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import type { TelegramSettings } from "../../shared/config/settings.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import { createPageUpdateJob, type PageInput } from "../../shared/jobs/updates-jobs.ts";
import { type ChatMessage, isChatMessageKey } from "../../shared/telegram/message-log.ts";

/** What the person at the page writes into the chat, or presses there: as if the first allowed user had done it. */
export const chatWriteRoute: Route = { path: "/api/chat", access: "page", app };

const languageSchema = z.enum(["en", "fr"]).optional();
/** Where a message of the chat is kept. */
const messageKeySchema = z.string().min(1).max(500);
/** `message`: the one it replies to. */
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

  /** Telegram's number of the message that is replied to. */
  async function getReplyTarget(key: string): Promise<number> {
    const { chat } = getChatWriter(settings.telegram);
    const shown = await readMessage(key);
    if (shown && shown.messageId > 0 && shown.chat === String(chat)) return shown.messageId;
    throw new GroundcrewError("conflict", "This message is not there any more.");
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
      const isThere = shown?.buttons?.flat().some(({ data }) => data === request.data);
      if (!shown || !isThere)
        throw new GroundcrewError(
          "conflict",
          "This button is not there any more: the message says something else now.",
        );
      return enqueue(c, { messageId: shown.messageId, data: request.data }, request.language);
    });
}

/** Whether anybody may steer, and so the page. */
export function canWriteToChat(telegram: TelegramSettings | undefined): boolean {
  return telegram !== undefined && telegram.allowedUsers.length > 0;
}

function getChatWriter(telegram: TelegramSettings | undefined): { chat: TelegramSettings["chat"]; user: number } {
  const [user] = telegram?.allowedUsers ?? [];
  if (telegram && user !== undefined) return { chat: telegram.chat, user };
  const message =
    "Nobody may steer from the chat: set TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID and TELEGRAM_ALLOWED_USERS.";
  throw new GroundcrewError("forbidden", message);
}

function parseBody<T>(schema: z.ZodType<T>, body: Uint8Array, example: string): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(body)));
  } catch {
    throw new GroundcrewError("bad_request", `Send ${example}.`);
  }
}

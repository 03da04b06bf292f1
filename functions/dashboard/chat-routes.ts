/** The chat on the page: the latest messages, and a person's message to Groundcrew. */

import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import type { TelegramSettings } from "../../shared/config/settings.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createJsonReader } from "../../shared/http/limits.ts";
import { createPageUpdateJob, type PageInput } from "../../shared/jobs/incoming-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { ScanPage } from "../../shared/store/port.ts";
import { type ChatMessage, chatMessageSet, isChatMessageKey } from "../../shared/telegram/message-log.ts";
import type { RichText } from "../../shared/telegram/rich-text.ts";
import { removeInvisible } from "../../shared/text.ts";

type ChatWriteDeps = Pick<Deps, "settings" | "store" | "newId" | "notify">;

const PAGE_SIZE = 60;

/** The messages of the chats as people see them in Telegram, newest first. */
export const chatRoute: Route = { path: "/api/chat", access: "page", app: createChatApp };

/** The store key of a message in the message log. */
const messageKeySchema = z.string().min(1).max(500);

const languageSchema = z.enum(["en", "fr"]).optional();

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

/** Accepts chat messages and button presses from the page; they count as those of the first allowed user. */
export const chatWriteRoute: Route = { path: "/api/chat", access: "page", app: createChatWriteApp };

/** The messages, newest first; `next` is the cursor of older ones. */
export type ChatAnswer = Awaited<ReturnType<typeof readChat>>;

export type ChatMessageAnswer = ReturnType<typeof describeMessage>;

function createChatApp(deps: Pick<Deps, "settings" | "store">): Hono {
  return new Hono().get("/", async (c) => c.json(await readChat(deps, c.req.query())));
}

async function readChat(
  { settings, store }: Pick<Deps, "settings" | "store">,
  { before, message: linked }: Record<string, string>,
) {
  const { rows, next } =
    linked === undefined
      ? await store.scan<ChatMessage>(chatMessageSet, before || undefined, PAGE_SIZE)
      : await readLinkedMessage(store, linked);
  const messages = rows.map(({ key, value }) => describeMessage(key, value, settings.telegram));
  return { messages, write: canWriteToChat(settings.telegram), ...omitUndefined({ next }) };
}

/** A message as Telegram shows it, with the number of its notices and edits, and whether the page can reply to it. */
function describeMessage(
  id: string,
  { history, messageId, ...message }: ChatMessage,
  telegram: TelegramSettings | undefined,
) {
  const [[, at] = [0, message.at]] = history;
  const [notices = 1, editedAt] = history.at(-1) ?? [];
  const isReplyable =
    canWriteToChat(telegram) && messageId > 0 && !message.by && message.chat === String(telegram?.chat);
  return omitUndefined({
    ...{ id, ...message, ...cleanRichText(message), at, notices },
    edits: history.length - 1,
    by: message.by === undefined ? undefined : removeInvisible(message.by),
    buttons: message.buttons?.map((row) => row.map(({ text, data }) => ({ text: removeInvisible(text), data }))),
    reply: isReplyable ? (true as const) : undefined,
    editedAt: history.length > 1 ? editedAt : undefined,
  });
}

/** Whether the page may write to the chat: commands need an allowed user. */
function canWriteToChat(telegram: TelegramSettings | undefined): boolean {
  return telegram !== undefined && telegram.allowedUsers.length > 0;
}

/** Reads the message with this id, which may be older than those of a page. No row: it is not kept any more. */
async function readLinkedMessage(store: Pick<Deps["store"], "read">, id: string): Promise<ScanPage<ChatMessage>> {
  if (!isChatMessageKey(id)) return { rows: [] };
  const [found] = await store.read<ChatMessage>([id]);
  return { rows: found ? [{ key: id, ...found }] : [] };
}

/**
 * Removes control, direction and other invisible characters from a message for the page, and moves its entities with
 * the text. The word joiners that keep Telegram from detecting links are removed too: the page detects none by itself.
 */
function cleanRichText({ text, entities }: RichText): RichText {
  const borders = [...new Set([0, text.length, ...entities.flatMap(({ offset, length }) => [offset, offset + length])])]
    .filter((border) => border >= 0 && border <= text.length)
    .sort((a, b) => a - b);
  // Cleaned piece by piece, so that each border is known in the cleaned text.
  const cleanBorders = new Map<number, number>([[0, 0]]);
  let cleaned = "";
  let start = 0;
  for (const end of borders) {
    cleaned += removeInvisible(text.slice(start, end));
    cleanBorders.set(end, cleaned.length);
    start = end;
  }
  const movedEntities = entities.flatMap((entity) => {
    const offset = cleanBorders.get(entity.offset);
    const end = cleanBorders.get(entity.offset + entity.length);
    return offset === undefined || end === undefined || end <= offset
      ? []
      : [{ ...entity, offset, length: end - offset }];
  });
  return { text: cleaned, entities: movedEntities };
}

function createChatWriteApp(deps: ChatWriteDeps): Hono {
  const { settings, store } = deps;
  const readJson = createJsonReader(32_768);

  async function readMessage(key: string): Promise<ChatMessage | undefined> {
    const [stored] = isChatMessageKey(key) ? await store.read<ChatMessage>([key]) : [];
    return stored?.value;
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
    const job = createPageUpdateJob(
      deps.newId(),
      input,
      { user, chat, by: c.get("viewer").name, language },
      c.get("correlation"),
    );
    await store.commit({ jobs: [job] });
    deps.notify();
    return c.json({ ok: true }, 202);
  }

  return new Hono()
    .post("/", async (c) => {
      const example = 'Send {"text": "/plane status"}.';
      const { text, message, language } = await readJson(c, chatTextSchema, { example });
      const replyTo = message === undefined ? undefined : await getReplyTarget(message);
      return enqueue(c, { text, replyTo }, language);
    })
    .post("/press", async (c) => {
      const request = await readJson(c, buttonPressSchema, { example: 'Send {"message": "…", "data": "…"}.' });
      const shown = await readMessage(request.message);
      const hasButton = shown?.buttons?.flat().some(({ data }) => data === request.data);
      if (!shown || !hasButton)
        throw new GroundcrewError("conflict", "The button no longer exists: the message has changed.");
      return enqueue(c, { messageId: shown.messageId, data: request.data }, request.language);
    });
}

function getChatWriter(telegram: TelegramSettings | undefined): { chat: TelegramSettings["chat"]; user: number } {
  const [user] = telegram?.allowedUsers ?? [];
  if (telegram && user !== undefined) return { chat: telegram.chat, user };
  const message = "Commands are disabled. Set TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID and TELEGRAM_ALLOWED_USERS.";
  throw new GroundcrewError("forbidden", message, { refusal: { name: "commandsOff" } });
}

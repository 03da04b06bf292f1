import { z } from "zod";

const entitySchema = z.object({
  type: z.string(),
  offset: z.number().int(),
  length: z.number().int(),
  url: z.string().optional(),
  user: z.object({ id: z.number() }).optional(),
});

export type SimulatedEntity = z.infer<typeof entitySchema>;

const countBytes = (text: string) => new TextEncoder().encode(text).length;

const buttonSchema = z.strictObject({
  text: z.string().min(1).max(200),
  /** Telegram counts bytes, not characters, and answers BUTTON_DATA_INVALID. */
  callback_data: z.string().refine((data) => countBytes(data) >= 1 && countBytes(data) <= 64, "BUTTON_DATA_INVALID"),
});

export type SimulatedButton = z.infer<typeof buttonSchema>;

const chatSchema = z.union([z.number().int(), z.string().min(1)]);
const textFields = {
  chat_id: chatSchema,
  text: z.string().default(""),
  entities: z.array(entitySchema).default([]),
  link_preview_options: z.object({ is_disabled: z.boolean().optional() }).optional(),
  reply_markup: z.strictObject({ inline_keyboard: z.array(z.array(buttonSchema)).max(100) }).optional(),
};

/**
 * Options that are not simulated, such as `parse_mode`, are refused: ignoring them would hide a mistake of the product.
 */
export const sendMessageSchema = z.strictObject({
  ...textFields,
  reply_parameters: z
    .strictObject({ message_id: z.number().int(), allow_sending_without_reply: z.boolean().optional() })
    .optional(),
  message_thread_id: z.number().int().optional(),
  disable_notification: z.boolean().optional(),
  protect_content: z.boolean().optional(),
});
export const editMessageSchema = z.strictObject({ ...textFields, message_id: z.number().int() });

/** Limit of a message's text: 4,096 UTF-16 units, as the Bot API counts. */
const TEXT_LIMIT = 4_096;
/** Limit of the entities of one message: about 9,500 bytes (tdlib/telegram-bot-api#165). */
const MAX_ENTITY_BYTES = 9_500;
const ENTITY_TYPES = [
  "bold",
  "italic",
  "underline",
  "strikethrough",
  "spoiler",
  "blockquote",
  "code",
  "pre",
  "text_link",
  "text_mention",
];

/**
 * Returns why a message is refused, in the text of the Bot API where it has one; undefined when the message is
 * accepted. Entities are checked more strictly than by Telegram: what Telegram would silently fix is an error here.
 */
export function findMessageProblem(text: string, entities: readonly SimulatedEntity[]): string | undefined {
  if (!text.isWellFormed()) return "strings must be encoded in UTF-8";
  if (text.trim() === "") return "message text is empty";
  if (text.length > TEXT_LIMIT) return "message is too long";
  for (const { type, offset, length, url, user } of entities) {
    const where = `${type} entity at UTF-16 offset ${offset}`;
    if (!ENTITY_TYPES.includes(type)) return `unknown entity type ${type}`;
    if (offset < 0 || length <= 0 || offset + length > text.length) return `${where} is out of bounds`;
    if (isInsideSurrogatePair(text, offset) || isInsideSurrogatePair(text, offset + length))
      return `${where} splits a UTF-16 symbol`;
    if (type === "text_link" && !isAcceptedUrl(url)) return `entity URL '${url}' is invalid: Wrong HTTP URL`;
    if (type === "text_mention" && !Number.isInteger(user?.id)) return 'Can\'t find field "user"';
    if (entities.some((other) => isCrossing({ offset, length }, other))) return `${where} crosses another`;
  }
  const size = entities.reduce((sum, { url = "" }) => sum + (url === "" ? 12 : 16 + countBytes(url)), 0);
  return size > MAX_ENTITY_BYTES ? "ENTITIES_TOO_LONG" : undefined;
}

/** Telegram accepts no link to a host name without a dot. */
function isAcceptedUrl(url = ""): boolean {
  const host = /^https?:\/\/\S+$/.test(url) ? (URL.parse(url)?.hostname ?? "") : "";
  return host.includes(".") || host.startsWith("[");
}

function isInsideSurrogatePair(text: string, offset: number): boolean {
  const [before, after] = [text.charCodeAt(offset - 1), text.charCodeAt(offset)];
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}

/** Entities may be disjoint or nested, but must not overlap partly. */
function isCrossing(a: { offset: number; length: number }, b: { offset: number; length: number }): boolean {
  return a.offset < b.offset && b.offset < a.offset + a.length && a.offset + a.length < b.offset + b.length;
}

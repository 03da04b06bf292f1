/** A part of a message that is more than plain text. Offsets and lengths in UTF-16 units, as Telegram counts them. */
export type Entity =
  | { type: "bold" | "code"; offset: number; length: number }
  | { type: "text_link"; offset: number; length: number; url: string };

/** A message: text and what stands out in it. Nothing in the text is markup. */
export interface RichText {
  text: string;
  entities: Entity[];
}

/** The longest message Telegram takes, in UTF-16 units (Bot API, sendMessage). */
export const MESSAGE_LIMIT = 4_096;

/**
 * How many entities Telegram shows in a message, and how many bytes of them it takes: over that it refuses the message
 * (ENTITIES_TOO_LONG, at about 9,500; tdlib/telegram-bot-api#165).
 */
const ENTITY_LIMIT = 100;
const ENTITY_BYTE_LIMIT = 9_000;

/** Invisible; ends what Telegram would take for an address, a name, a tag or a command in plain text (see data.ts). */
export const WORD_JOINER = "\u2060";

/** Text of our own: shown as it is written. */
export function toPlainText(text: string): RichText {
  return { text, entities: [] };
}

export function toBold(part: RichText | string): RichText {
  return withEntity(part, (length) => ({ type: "bold", offset: 0, length }));
}

export function toCode(part: RichText | string): RichText {
  return withEntity(part, (length) => ({ type: "code", offset: 0, length }));
}

/**
 * A link, when the address is on one of these origins (Plane's and the dashboard's); else only its text.
 * Inside a link Telegram finds nothing by itself, so its text is shown, and copied, exactly as it was written.
 */
export function toLink(part: RichText | string, url: string, origins: readonly string[]): RichText {
  const target = URL.parse(url);
  const rich = toRichText(part);
  if (target === null || !/^https?:$/.test(target.protocol) || !origins.includes(target.origin)) return rich;
  // For a link to a host without a dot (`localhost`, a name in Docker) Telegram refuses the whole message.
  if (!/[.\]]/.test(target.hostname)) return rich;
  const linkText = rich.entities.length === 0 ? toPlainText(rich.text.replaceAll(WORD_JOINER, "")) : rich;
  return withEntity(linkText, (length) => ({ type: "text_link", offset: 0, length, url: target.href }));
}

/** One text of several, with the entities moved to where their parts now are. */
export function joinRichText(parts: readonly (RichText | string)[], separator = ""): RichText {
  const joined: RichText = { text: "", entities: [] };
  parts.forEach((part, index) => {
    const { text, entities } = toRichText(part);
    if (index > 0) joined.text += separator;
    const start = joined.text.length;
    joined.text += text;
    joined.entities.push(...entities.map((entity) => ({ ...entity, offset: entity.offset + start })));
  });
  return joined;
}

/** At most `limit` UTF-16 units, ending in "…" when something was left off; no entity or surrogate pair is split. */
export function truncateRichText(rich: RichText, limit = MESSAGE_LIMIT): RichText {
  if (rich.text.length <= limit) return rich;
  let end = limit - 1;
  let isShrinking = true;
  while (isShrinking) {
    const splitEntity = rich.entities.find(({ offset, length }) => offset < end && offset + length > end);
    if (splitEntity) end = splitEntity.offset;
    else if (isHighSurrogate(rich.text.charCodeAt(end - 1))) end -= 1;
    else isShrinking = false;
  }
  const text = `${rich.text.slice(0, end).trimEnd()}…`;
  return { text, entities: rich.entities.filter(({ offset, length }) => offset + length < text.length) };
}

/** Whether Telegram takes the entities of all of these in one message. */
export function fitsEntityLimits(parts: readonly RichText[]): boolean {
  const all = parts.flatMap(({ entities }) => entities);
  const bytes = all.map((one) => 24 + (one.type === "text_link" ? new TextEncoder().encode(one.url).length : 0));
  return all.length <= ENTITY_LIMIT && bytes.reduce((sum, n) => sum + n, 0) <= ENTITY_BYTE_LIMIT;
}

function toRichText(part: RichText | string): RichText {
  return typeof part === "string" ? toPlainText(part) : part;
}

function withEntity(part: RichText | string, entity: (length: number) => Entity): RichText {
  const { text, entities } = toRichText(part);
  return text === "" ? { text, entities } : { text, entities: [entity(text.length), ...entities] };
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/**
 * Texts with message entities, which need no escaping: building, joining and shortening them. Text of other people is
 * made safe first.
 */

import { keepDefined } from "../omit-undefined.ts";
import { cleanLine } from "../text.ts";

/** A user as Telegram takes them in a mention; it reads the number. */
type MentionedUser = { id: number; is_bot: false; first_name: string };

/** A formatted part of a message. Offsets and lengths are in UTF-16 units, as Telegram counts them. */
type Entity =
  | { type: "bold" | "code"; offset: number; length: number }
  | { type: "text_link"; offset: number; length: number; url: string }
  | { type: "text_mention"; offset: number; length: number; user: MentionedUser };

/** A message's text and its formatting. Nothing in the text is markup. */
export interface RichText {
  text: string;
  entities: Entity[];
}

/** A part or a line of a message: a string is a text of our own, and what is undefined is left out. */
export type TextPart = RichText | string | undefined;

/** The longest message Telegram accepts, in UTF-16 units (Bot API, sendMessage). */
export const MESSAGE_LIMIT = 4_096;

/**
 * Telegram shows at most 100 entities in a message. It refuses a message whose entities take more than about 9,500
 * bytes (ENTITIES_TOO_LONG; tdlib/telegram-bot-api#165).
 */
const ENTITY_LIMIT = 100;

const ENTITY_BYTE_LIMIT = 9_000;

/** Invisible; keeps Telegram from turning plain text into links, mentions, tags or commands (see safe-text.ts). */
const WORD_JOINER = "\u2060";

/** Where Telegram would detect a link, mention, tag or command in plain text. Bots cannot switch this off. */
const AUTO_LINKED = /[@#$/.:](?=[\p{L}\p{N}\p{M}_/·\u200c])/gu;

/** Only for texts of our own: unlike `toSafeText`, it does not make texts of others harmless. */
export function toPlainText(text: string): RichText {
  return { text, entities: [] };
}

export function toBold(part: RichText | string): RichText {
  return withEntity(part, (length) => ({ type: "bold", offset: 0, length }));
}

function withEntity(part: RichText | string, entity: (length: number) => Entity): RichText {
  const { text, entities } = toRichText(part);
  return text === "" ? { text, entities } : { text, entities: [entity(text.length), ...entities] };
}

function toRichText(part: RichText | string): RichText {
  return typeof part === "string" ? toPlainText(part) : part;
}

export function toCode(part: RichText | string): RichText {
  return withEntity(part, (length) => ({ type: "code", offset: 0, length }));
}

/**
 * Returns a link if the address is on one of these origins (Plane's and the dashboard's); otherwise only its text.
 * Inside a link Telegram detects nothing by itself, so the text needs no word joiners and is copied as it was written.
 */
export function toLink(part: RichText | string, url: string, origins: readonly string[]): RichText {
  const target = URL.parse(url);
  const rich = toRichText(part);
  if (target === null || !/^https?:$/.test(target.protocol) || !origins.includes(target.origin)) return rich;
  // Telegram refuses a whole message with a link to a host without a dot (`localhost`, a host name in Docker).
  if (!/[.\]]/.test(target.hostname)) return rich;
  const linkText = rich.entities.length === 0 ? toPlainText(rich.text.replaceAll(WORD_JOINER, "")) : rich;
  return withEntity(linkText, (length) => ({ type: "text_link", offset: 0, length, url: target.href }));
}

/** Mentions a user by number, who is notified of it also in a chat without sound. @param name made safe before */
export function toMention(name: RichText, user: number): RichText {
  return withEntity(name, (length) => ({
    type: "text_mention",
    offset: 0,
    length,
    user: { id: user, is_bot: false, first_name: name.text },
  }));
}

/** Joins several texts and shifts their entities accordingly. */
export function joinRichText(parts: readonly TextPart[], separator = ""): RichText {
  const joined: RichText = { text: "", entities: [] };
  keepDefined(parts).forEach((part, index) => {
    const { text, entities } = toRichText(part);
    if (index > 0) joined.text += separator;
    const start = joined.text.length;
    joined.text += text;
    joined.entities.push(...entities.map((entity) => ({ ...entity, offset: entity.offset + start })));
  });
  return joined;
}

/** Truncates to at most `limit` UTF-16 units, ending in "…". No entity or surrogate pair is split. */
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

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** Whether Telegram accepts the entities of all parts in one message. */
export function fitsEntityLimits(parts: readonly RichText[]): boolean {
  const all = parts.flatMap(({ entities }) => entities);
  const bytes = all.map(
    (entity) => 24 + (entity.type === "text_link" ? new TextEncoder().encode(entity.url).length : 0),
  );
  return all.length <= ENTITY_LIMIT && bytes.reduce((sum, n) => sum + n, 0) <= ENTITY_BYTE_LIMIT;
}

/**
 * Splits lines into as few texts as possible, each within Telegram's limits. None begins with an empty line.
 * @param units limit of a text in UTF-16 units
 * @param count limit of its lines
 */
export function splitIntoMessages(
  lines: readonly TextPart[],
  units = MESSAGE_LIMIT,
  count = Number.POSITIVE_INFINITY,
): RichText[] {
  const pages: RichText[][] = [[]];
  for (const line of keepDefined(lines).map((part) => truncateRichText(toRichText(part), units))) {
    const page = pages.at(-1) ?? [];
    const all = [...page, line];
    if (page.length < count && joinRichText(all, "\n").text.length <= units && fitsEntityLimits(all)) page.push(line);
    else pages.push([line]);
    const current = pages.at(-1);
    if (current?.length === 1 && line.text === "") current.pop();
  }
  return pages.filter((page) => page.length > 0).map((page) => joinRichText(page, "\n"));
}

/**
 * Makes a text of others (a title, a name, a comment) safe to show: cleaned, on one line, and without anything that
 * Telegram turns into a link or a mention by itself. At most `limit` UTF-16 units are used.
 */
export function toSafeText(text: string, limit = 200): RichText {
  return toPlainText(cleanLine(text, limit).replace(AUTO_LINKED, `$&${WORD_JOINER}`));
}

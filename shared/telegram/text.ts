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
const ENTITIES = 100;
const ENTITY_BYTES = 9_000;

/** Invisible; ends what Telegram would take for an address, a name, a tag or a command in plain text (see data.ts). */
export const WORD_JOINER = "\u2060";

/** Text of our own: shown as it is written. */
export function plain(text: string): RichText {
  return { text, entities: [] };
}

export function bold(part: RichText | string): RichText {
  return marked(part, (length) => ({ type: "bold", offset: 0, length }));
}

export function code(part: RichText | string): RichText {
  return marked(part, (length) => ({ type: "code", offset: 0, length }));
}

/**
 * A link, when the address is on one of these origins (Plane's and the dashboard's); else only its text.
 * Inside a link Telegram finds nothing by itself, so its text is shown, and copied, exactly as it was written.
 */
export function link(part: RichText | string, url: string, origins: readonly string[]): RichText {
  const target = URL.parse(url);
  const rich = asRich(part);
  if (target === null || !/^https?:$/.test(target.protocol) || !origins.includes(target.origin)) return rich;
  // For a link to a host without a dot (`localhost`, a name in Docker) Telegram refuses the whole message.
  if (!/[.\]]/.test(target.hostname)) return rich;
  const exact = rich.entities.length === 0 ? plain(rich.text.replaceAll(WORD_JOINER, "")) : rich;
  return marked(exact, (length) => ({ type: "text_link", offset: 0, length, url: target.href }));
}

/** One text of several, with the entities moved to where their parts now are. */
export function join(parts: readonly (RichText | string)[], separator = ""): RichText {
  const joined: RichText = { text: "", entities: [] };
  parts.forEach((part, index) => {
    const { text, entities } = asRich(part);
    if (index > 0) joined.text += separator;
    const start = joined.text.length;
    joined.text += text;
    joined.entities.push(...entities.map((entity) => ({ ...entity, offset: entity.offset + start })));
  });
  return joined;
}

/** At most `limit` UTF-16 units, ending in "…" when something was left off; no entity or surrogate pair is split. */
export function cut(rich: RichText, limit = MESSAGE_LIMIT): RichText {
  if (rich.text.length <= limit) return rich;
  let end = limit - 1;
  let moved = true;
  while (moved) {
    const split = rich.entities.find(({ offset, length }) => offset < end && offset + length > end);
    if (split) end = split.offset;
    else if (isHigh(rich.text.charCodeAt(end - 1))) end -= 1;
    else moved = false;
  }
  const text = `${rich.text.slice(0, end).trimEnd()}…`;
  return { text, entities: rich.entities.filter(({ offset, length }) => offset + length < text.length) };
}

/** Whether Telegram takes the entities of all of these in one message. */
export function takesEntities(parts: readonly RichText[]): boolean {
  const all = parts.flatMap(({ entities }) => entities);
  const bytes = all.map((one) => 24 + (one.type === "text_link" ? new TextEncoder().encode(one.url).length : 0));
  return all.length <= ENTITIES && bytes.reduce((sum, n) => sum + n, 0) <= ENTITY_BYTES;
}

function asRich(part: RichText | string): RichText {
  return typeof part === "string" ? plain(part) : part;
}

function marked(part: RichText | string, entity: (length: number) => Entity): RichText {
  const { text, entities } = asRich(part);
  return text === "" ? { text, entities } : { text, entities: [entity(text.length), ...entities] };
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/**
 * Marks what others wrote in an answer for a model. OpenClaw puts no fence around the results of tools in a lean
 * profile, and other clients may put none either.
 */

/** Fields that hold what people or other agents wrote. */
const TEXT_FIELDS: ReadonlySet<string> = new Set([
  ...["title", "description", "text", "answer", "about", "what", "from", "to", "by", "reason", "name", "files"],
]);

/** Fields that only hold others; a place is named without them. */
const CONTAINERS: ReadonlySet<string> = new Set(["latest", "tasks", "details"]);

/**
 * The beginnings of marks with which clients and models end a text or begin a role. In JSON their first character may
 * be written as an escape, which changes nothing for who parses it.
 */
const MARK_START = /<(?=[|/!<]|\w+>)|\[(?=\/?(?:INST|SYS))|`(?=``)/g;

/**
 * An answer as JSON whose first field names the fields that hold others' words, and how long these are. A text cannot
 * leave its field: quotes and line breaks are escaped in JSON, and marks are here.
 */
export function formatMarkedAnswer(answer: unknown): string {
  const lengths = new Map<string, number>();
  collectTexts(answer, [], lengths);
  if (lengths.size === 0 || typeof answer !== "object") return JSON.stringify(answer);
  const total = [...lengths.values()].reduce((sum, length) => sum + length, 0);
  // Short, because an answer is read with every call after it; the server's instructions say what it means.
  const note = `others: ${[...lengths.keys()].join(", ")} (${total})`;
  return JSON.stringify({ data: note, ...answer }).replaceAll(MARK_START, escapeCharacter);
}

/** Sums up the lengths of texts by their places, without the indexes of lists: `comments.text`. */
function collectTexts(value: unknown, path: readonly string[], lengths: Map<string, number>) {
  if (typeof value === "string") {
    const field = path.at(-1) ?? "";
    if (value === "" || !TEXT_FIELDS.has(field)) return;
    const place = path.filter((name) => !CONTAINERS.has(name)).join(".");
    lengths.set(place, (lengths.get(place) ?? 0) + value.length);
  } else if (Array.isArray(value)) for (const item of value) collectTexts(item, path, lengths);
  else if (typeof value === "object" && value !== null)
    for (const [name, field] of Object.entries(value)) collectTexts(field, [...path, name], lengths);
}

const escapeCharacter = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

import type { TaskAnswer } from "./task-answer.ts";

/** Limit of a list's tasks in bytes, also as a text within MCP's JSON: 4 KB less the list's other fields. */
const MAX_BYTES = 4_096 - 80;
/** Minimum of a title in bytes, by which a reader can recognize the task, also when the list exceeds its limit. */
const MIN_TITLE_BYTES = 20;

const encoder = new TextEncoder();

/**
 * Shortens the texts of a list's tasks so that the list fits 4 KB of JSON within JSON. What is left beside the other
 * fields is shared by the tasks there are: first by the titles, then by the descriptions; a short text leaves its share
 * to the others. Truncated texts end with "…". Nothing else is shortened, above all not the blockers, so a list of many
 * tasks or blockers may exceed the limit; then titles keep 20 bytes and descriptions are omitted.
 */
export function shortenTaskAnswers(tasks: readonly TaskAnswer[]): TaskAnswer[] {
  const fixedBytes = tasks.reduce((sum, task) => sum + measureJson({ ...task, title: "", description: "" }) + 1, 0);
  const titles = shareBytes(
    tasks.map(({ title }) => title),
    MAX_BYTES - fixedBytes,
    MIN_TITLE_BYTES,
  );
  const titleBytes = titles.reduce((sum, title) => sum + measureText(title), 0);
  const descriptions = shareBytes(
    tasks.map(({ description }) => description),
    MAX_BYTES - fixedBytes - titleBytes,
    0,
  );
  return tasks.map((task, i) => ({ ...task, title: titles[i] ?? "", description: descriptions[i] ?? "" }));
}

/** Truncates texts to a number of bytes in all. Each gets an equal share, at least `minimum`. */
function shareBytes(texts: readonly string[], bytes: number, minimum: number): string[] {
  const sizes = texts.map(measureText).sort((a, b) => a - b);
  let bytesLeft = Math.max(0, bytes);
  let share = 0;
  for (const [i, size] of sizes.entries()) {
    share = Math.floor(bytesLeft / (sizes.length - i));
    if (size > share) break;
    bytesLeft -= size;
    share = size;
  }
  return texts.map((text) => fitText(text, Math.max(share, minimum)));
}

/** Truncates a text to a number of bytes of JSON. */
function fitText(text: string, bytes: number): string {
  if (measureText(text) <= bytes) return text;
  let bytesLeft = bytes - measureText("…");
  let prefix = "";
  for (const character of text) {
    bytesLeft -= measureText(character);
    if (bytesLeft < 0) break;
    prefix += character;
  }
  return prefix === "" ? "" : `${prefix.trimEnd()}…`;
}

/** Bytes of a text in JSON, without its quotation marks. */
function measureText(text: string): number {
  return measureJson(text) - measureJson("");
}

/** Bytes of a value's JSON as a string within JSON, where each quotation mark takes two bytes. */
function measureJson(value: unknown): number {
  return encoder.encode(JSON.stringify(JSON.stringify(value))).length - 2;
}

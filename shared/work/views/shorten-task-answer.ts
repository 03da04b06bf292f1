import type { TaskAnswer } from "./task-answer.ts";

/** Limit of a task in bytes, so that a list of ten fits 4 KB (4,096 bytes), also as a text within MCP's JSON. */
const MAX_BYTES = 400;
/** Preferred minimum of a title in bytes, by which a reader can recognize the task; below it blockers are dropped. */
const TITLE_BYTES = 40;
/** Minimum of a title in bytes, also when no more blockers can be dropped. */
const MIN_TITLE_BYTES = 16;

const encoder = new TextEncoder();

/**
 * Shortens a task to at most 400 bytes of JSON within JSON, for lists. The description is truncated first, then the
 * title, both with "…". When the blockers do not fit, the first ones are listed and `why_not` gives their number. Id,
 * key and URL are never shortened, so a task with an unusually long URL may exceed the limit.
 */
export function shortenTaskAnswer(task: TaskAnswer): TaskAnswer {
  const shortened = fitTexts(task, MAX_BYTES - measureJson({ ...task, title: "", description: "" }));
  if (shortened) return shortened;
  const { length } = task.blocked_by;
  const isWaiting = length > 0 && task.why_not?.startsWith("waits for ");
  const counted = isWaiting ? { ...task, why_not: length > 1 ? `waits for ${length}` : "waits" } : task;
  for (let named = length; ; named -= 1) {
    const shorter = { ...counted, blocked_by: counted.blocked_by.slice(0, named) };
    const bytesLeft = MAX_BYTES - measureJson({ ...shorter, title: "", description: "" });
    const texts = fitTexts(shorter, bytesLeft);
    if (texts) return texts;
    if (named <= 1)
      return { ...shorter, title: fitText(task.title, Math.max(bytesLeft, MIN_TITLE_BYTES)), description: "" };
  }
}

/** Truncates title and description to the bytes left; undefined when there is not enough room for a title. */
function fitTexts(task: TaskAnswer, bytesLeft: number): TaskAnswer | undefined {
  if (bytesLeft < Math.min(TITLE_BYTES, measureText(task.title))) return undefined;
  const title = fitText(task.title, bytesLeft);
  return { ...task, title, description: fitText(task.description, bytesLeft - measureText(title)) };
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

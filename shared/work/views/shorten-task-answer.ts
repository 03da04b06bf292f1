import type { TaskAnswer } from "./task-answer.ts";

/** Ten tasks and what is around them are at most 4 KB (4,096 bytes), also as a text within MCP's JSON. */
const MAX_BYTES = 400;
/** Less of a title tells nobody which task it is: then rather fewer of the blockers are named. */
const TITLE_BYTES = 40;
/** And less of it is none. */
const MIN_TITLE_BYTES = 16;

const encoder = new TextEncoder();

/**
 * The task in at most 400 bytes of JSON within JSON, for lists: its first line is cut first, then its title, ending in
 * "…". Of more blockers than fit the first ones are named and `why_not` counts all of them. What names the task stays
 * whole, so one with an uncommonly long address may be larger.
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

/** Undefined: there is no room for a title. */
function fitTexts(task: TaskAnswer, bytesLeft: number): TaskAnswer | undefined {
  if (bytesLeft < Math.min(TITLE_BYTES, measureText(task.title))) return undefined;
  const title = fitText(task.title, bytesLeft);
  return { ...task, title, description: fitText(task.description, bytesLeft - measureText(title)) };
}

/** As much of a text as fits into so many bytes of JSON. */
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

/** Bytes of a text without the quotation marks around it. */
function measureText(text: string): number {
  return measureJson(text) - measureJson("");
}

/** Bytes of the value's JSON as a text in JSON, where each quotation mark takes two. */
function measureJson(value: unknown): number {
  return encoder.encode(JSON.stringify(JSON.stringify(value))).length - 2;
}

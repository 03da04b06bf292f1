import type { TaskAnswer } from "./present.ts";

/** Ten tasks and what is around them are at most 4 KB (4,096 bytes), also as a text within MCP's JSON. */
const MOST_BYTES = 400;
/** Less of a title tells nobody which task it is: then rather fewer of the blockers are named. */
const TITLE_BYTES = 40;
/** And less of it is none. */
const LEAST_TITLE_BYTES = 16;

const encoder = new TextEncoder();

/**
 * The task in at most 400 bytes of JSON within JSON, for lists: its first line is cut first, then its title, ending in
 * "…". Of more blockers than fit the first ones are named and `why_not` counts all of them. What names the task stays
 * whole, so one with an uncommonly long address may be larger.
 */
export function brief(task: TaskAnswer): TaskAnswer {
  const fitted = textsWithin(task, MOST_BYTES - sizeOf({ ...task, title: "", description: "" }));
  if (fitted) return fitted;
  const { length } = task.blocked_by;
  const waits = length > 0 && task.why_not?.startsWith("waits for ");
  const counted = waits ? { ...task, why_not: length > 1 ? `waits for ${length}` : "waits" } : task;
  for (let named = length; ; named -= 1) {
    const less = { ...counted, blocked_by: counted.blocked_by.slice(0, named) };
    const room = MOST_BYTES - sizeOf({ ...less, title: "", description: "" });
    const texts = textsWithin(less, room);
    if (texts) return texts;
    if (named <= 1)
      return { ...less, title: textWithin(task.title, Math.max(room, LEAST_TITLE_BYTES)), description: "" };
  }
}

/** Undefined: there is no room for a title. */
function textsWithin(task: TaskAnswer, room: number): TaskAnswer | undefined {
  if (room < Math.min(TITLE_BYTES, textSize(task.title))) return undefined;
  const title = textWithin(task.title, room);
  return { ...task, title, description: textWithin(task.description, room - textSize(title)) };
}

/** As much of a text as fits into so many bytes of JSON. */
function textWithin(text: string, bytes: number): string {
  if (textSize(text) <= bytes) return text;
  let left = bytes - textSize("…");
  let kept = "";
  for (const character of text) {
    left -= textSize(character);
    if (left < 0) break;
    kept += character;
  }
  return kept === "" ? "" : `${kept.trimEnd()}…`;
}

/** Bytes of a text without the quotation marks around it. */
function textSize(text: string): number {
  return sizeOf(text) - sizeOf("");
}

/** Bytes of the value's JSON as a text in JSON, where each quotation mark takes two. */
function sizeOf(value: unknown): number {
  return encoder.encode(JSON.stringify(JSON.stringify(value))).length - 2;
}

import type { Ms } from "../time.ts";

const MAX_TIME: Ms = 9_999_999_999_999;

/** Sorts the newest first where keys are listed in order. Thirteen digits last until the year 2286. */
export function toDescendingKey(at: Ms): string {
  return String(MAX_TIME - Math.floor(at)).padStart(13, "0");
}

/** The time that `toDescendingKey` made this of. */
export function parseDescendingKey(text: string): Ms {
  return MAX_TIME - Number(text);
}

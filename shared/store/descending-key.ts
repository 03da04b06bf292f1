import type { Ms } from "../time.ts";

const MAX_TIME: Ms = 9_999_999_999_999;

/** Formats a time so that ascending order lists the newest first. Thirteen digits suffice until the year 2286. */
export function toDescendingKey(at: Ms): string {
  return String(MAX_TIME - Math.floor(at)).padStart(13, "0");
}

/** Parses the result of `toDescendingKey`. */
export function parseDescendingKey(text: string): Ms {
  return MAX_TIME - Number(text);
}

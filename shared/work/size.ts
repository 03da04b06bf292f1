import { plainText } from "../observe/plain-text.ts";

/** How much work a task is, roughly. */
export const SIZES = ["small", "medium", "large"] as const;
export type Size = (typeof SIZES)[number];

/** A description longer than so many characters, as plain text, makes a task medium, or large: a few lines, a page. */
const MEDIUM_FROM = 300;
const LARGE_FROM = 1_500;

/** A description is looked through so far. */
const LOOK = 20_000;

const NAMED = /\bsize:\s{0,3}(small|medium|large|[sml])\b/i;

/** The size a description names (`Size: medium`, or S, M, L), else the one its length stands for. HTML or text. */
export function sizeOf({ description }: { description: string }): Size {
  const text = plainText(description, LOOK);
  const named = NAMED.exec(text)?.[1]?.toLowerCase()[0];
  if (named) return SIZES.find((size) => size.startsWith(named)) ?? "medium";
  return text.length < MEDIUM_FROM ? "small" : text.length < LARGE_FROM ? "medium" : "large";
}

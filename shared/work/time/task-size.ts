import { htmlToText } from "../../markdown/html-to-text.ts";

/** How much work a task is, roughly. */
export const TASK_SIZES = ["small", "medium", "large"] as const;
export type TaskSize = (typeof TASK_SIZES)[number];

/** A description longer than so many characters, as plain text, makes a task medium, or large: a few lines, a page. */
const MEDIUM_FROM = 300;
const LARGE_FROM = 1_500;

/** A description is looked through so far. */
const MAX_READ = 20_000;

const NAMED_SIZE = /\bsize:\s{0,3}(small|medium|large|[sml])\b/i;

/** The size a description names (`Size: medium`, or S, M, L), else the one its length stands for. HTML or text. */
export function getTaskSize({ description }: { description: string }): TaskSize {
  const text = htmlToText(description, MAX_READ);
  const namedSize = NAMED_SIZE.exec(text)?.[1]?.toLowerCase()[0];
  if (namedSize) return TASK_SIZES.find((size) => size.startsWith(namedSize)) ?? "medium";
  return text.length < MEDIUM_FROM ? "small" : text.length < LARGE_FROM ? "medium" : "large";
}

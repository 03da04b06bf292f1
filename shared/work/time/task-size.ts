import { htmlToText } from "../../markdown/html-to-text.ts";

/** The rough amount of work of a task. */
export const TASK_SIZES = ["small", "medium", "large"] as const;
export type TaskSize = (typeof TASK_SIZES)[number];

/** Minimum characters of plain text in the description of a medium task (a few lines) and of a large one (a page). */
const MEDIUM_FROM = 300;
const LARGE_FROM = 1_500;

/** Limit of characters of a description that are examined. */
const MAX_READ = 20_000;

const NAMED_SIZE = /\bsize:\s{0,3}(small|medium|large|[sml])\b/i;

/** The size that a description (HTML or text) names as `Size: medium` or S, M, L; else the size by its length. */
export function getTaskSize({ description }: { description: string }): TaskSize {
  const text = htmlToText(description, MAX_READ);
  const namedSize = NAMED_SIZE.exec(text)?.[1]?.toLowerCase()[0];
  if (namedSize) return TASK_SIZES.find((size) => size.startsWith(namedSize)) ?? "medium";
  return text.length < MEDIUM_FROM ? "small" : text.length < LARGE_FROM ? "medium" : "large";
}

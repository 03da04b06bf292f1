import type { Status } from "../../task/snapshot.ts";
import type { Locale } from "../locale.ts";

/**
 * The comments that Groundcrew writes to Plane. The texts are HTML: whoever fills in a placeholder escapes the value.
 * The agent card and the line `Blocked by:` are not among them: they are read back, so they have one fixed form.
 */
export interface CommentTexts {
  /** For `Intl`. */
  locale: Locale;
  /** What an agent's comment begins with, by its kind. */
  headings: Record<"progress" | "error" | "question", string>;
  /** Between a heading and the percentage. */
  colon: string;
  /** `{n}` is 0 to 100. */
  percent: string;
  /** What a change of status begins with. */
  statuses: Record<Status, string>;
  /** `{confidence}` and `{threshold}` are 0 to 1. */
  review: string;
  commit: string;
  tests: string;
  /** Before the list of criteria that the task must meet. */
  criteria: string;
  /** `{file}` is a link, `{size}` has its unit. */
  deliverable: string;
  question: string;
  answer: string;
  approved: string;
  sentBack: string;
  /** An agent could not change the status. */
  failed: string;
  /** `{from}` and `{to}` are the times of the claim, ISO 8601. */
  expired: string;
  /** The task waits for `{blocker}`, which was cancelled or is blocked. */
  blockedByTask: Record<"cancelled" | "blocked", string>;
  /** `{blockers}` is a list of tasks. */
  unblocked: string;
  /** One of those tasks that is done. */
  doneTask: string;
  /** Stands for a task that is no longer in Plane. */
  deletedTask: string;
}

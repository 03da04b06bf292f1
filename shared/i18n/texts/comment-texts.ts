import type { Status } from "../../task/snapshot.ts";
import type { Locale } from "../locale.ts";

/**
 * Comments that Groundcrew posts to Plane. The texts are HTML: callers escape the values of placeholders.
 */
export interface CommentTexts {
  /** For `Intl`. */
  locale: Locale;
  /** Heading of an agent's comment, by its kind. */
  headings: Record<"progress" | "error" | "question", string>;
  /** Between a heading and the percentage. */
  colon: string;
  /** `{n}` is 0 to 100. */
  percent: string;
  /** Heading of the comment on a change of status. */
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
  /** An agent reported that it failed: the task is blocked. */
  failed: string;
  /** `{from}` and `{to}` are the times of the claim, ISO 8601; `{minutes}` is 2 or more. */
  expired: string;
  /** `{by}` stopped the work of `{agent}`. */
  stopped: string;
  /** Heading of a comment that `{by}` wrote in Telegram or on the page. */
  remark: string;
  /** The task depends on `{blocker}`, which was cancelled or is blocked. */
  blockedByTask: Record<"cancelled" | "blocked", string>;
  /** `{blockers}` is a list of tasks. */
  unblocked: string;
  /** `{by}` removed the dependencies on `{blockers}`, a list of tasks; Plane keeps their relations. */
  dependencyRemoved: string;
  /** A line in a description where Plane has no relations, parsed by `parseBlockedByText`. `{keys}` are task keys. */
  blockedBy: string;
  /** A task in `{blockers}` that is done. */
  doneTask: string;
  /** The comment with the result of a ticket's Claude Code session. */
  ticket: {
    heading: string;
    branch: string;
    /** `{files}`, `{insertions}` and `{deletions}` are numbers. */
    diff: string;
    /** `{time}` is a duration from the approval to the completion. */
    time: string;
    /** `{cost}` has its currency. */
    cost: string;
    /** Before the list of commits. */
    commits: string;
  };
  /** Replaces the key of a task that is no longer in Plane. */
  deletedTask: string;
}

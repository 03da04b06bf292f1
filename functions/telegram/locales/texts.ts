import type { EventKind } from "../../../shared/task/events.ts";
import type { Priority, Word } from "../../../shared/task/snapshot.ts";

/** A text that counts; `{n}` is the number. Languages with more forms than these two need more fields here. */
export interface Counted {
  one: string;
  other: string;
}

/** Everything that is said in Telegram, in one language. A language that lacks a text does not type-check. */
export interface Texts {
  /** For `Intl`. */
  locale: "en" | "fr";
  /** Between a label and what it names. */
  colon: string;
  /** What happened, at the head of a message or line. */
  events: Record<EventKind, string>;
  /** How often it happened, in a counted summary. */
  counted: Record<EventKind, Counted>;
  /** Between a count and its project. */
  inProject: string;
  /** After the first few of many. */
  more: Counted;
  /** After as many groups of a summary as fit. */
  rest: Counted;
  /** The progress of a cycle: `{done}` of `{total}`. */
  progress: string;
  fields: Record<
    | "project"
    | "agent"
    | "status"
    | "priority"
    | "due"
    | "assignees"
    | "blockers"
    | "timeSpent"
    | "before"
    | "comment"
    | "by"
    | "cycle"
    | "dates",
    string
  >;
  /** Where there is no date. */
  never: string;
  words: Record<Word, string>;
  priorities: Record<Priority, string>;
  /** Under a message whose first sending never had an answer. */
  repeat: string;
}

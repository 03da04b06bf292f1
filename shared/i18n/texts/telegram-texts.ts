import type { EventKind } from "../../task/events.ts";
import type { Priority, Status } from "../../task/snapshot.ts";
import type { Locale } from "../locale.ts";
import type { PluralForms } from "../plural.ts";
import type { AnswerTexts } from "./answer-texts.ts";
import type { DigestTexts } from "./digest-texts.ts";
import type { LiveTexts } from "./live-texts.ts";

/** Everything that is said in Telegram, in one language. A language that lacks a text does not type-check. */
export interface TelegramTexts {
  /** For `Intl`. */
  locale: Locale;
  /** Between a label and what it names. */
  colon: string;
  /** What the bot's command menu says of `/plane`. */
  commandMenu: string;
  /** What happened, at the head of a message or line. */
  events: Record<EventKind, string>;
  /** How often it happened, in a counted summary. */
  counted: Record<EventKind, PluralForms>;
  /** Between a count and its project. */
  inProject: string;
  /** After the first few of many. */
  more: PluralForms;
  /** After as many groups of a summary as fit. */
  moreChanges: PluralForms;
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
    | "dates"
    | "choices"
    | "answer"
    | "confidence"
    | "reason"
    | "waitsFor"
    | "heldSince",
    string
  >;
  /** Before an agent's name in the head of what it asks or tells. */
  fromAgent: string;
  /** Why an agent lost its task. */
  losses: Record<"expired" | "reassigned" | "moved", string>;
  /** Why a task cannot go on: its blocker was … */
  stuck: Record<"cancelled" | "blocked", string>;
  /** On a question that is asked again. */
  reminder: string;
  /** Where there is no date. */
  noDate: string;
  statuses: Record<Status, string>;
  priorities: Record<Priority, string>;
  /** Under a message whose first sending never had an answer. */
  repeat: string;
  /** To what people ask for. */
  answers: AnswerTexts;
  digest: DigestTexts;
  live: LiveTexts;
}

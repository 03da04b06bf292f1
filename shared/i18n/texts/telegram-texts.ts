import type { EventKind } from "../../task/events.ts";
import type { Priority, Status } from "../../task/snapshot.ts";
import type { Locale } from "../locale.ts";
import type { PluralForms } from "../plural.ts";
import type { AnswerTexts } from "./answer-texts.ts";
import type { CycleTexts } from "./cycle-texts.ts";
import type { DigestTexts } from "./digest-texts.ts";
import type { FreeTextTexts } from "./free-text-texts.ts";
import type { LiveTexts } from "./live-texts.ts";
import type { RefusalTexts } from "./refusal-texts.ts";

/** Texts of the messages in Telegram. */
export interface TelegramTexts {
  /** For `Intl`. */
  locale: Locale;
  /** Between a label and its value. */
  colon: string;
  /** Description of `/plane` in the bot's command menu. */
  commandMenu: string;
  /** Headline of a notification, or beginning of its line. */
  events: Record<EventKind, string>;
  /** Number of events of a kind, in a message that shows counts. */
  counted: Record<EventKind, PluralForms>;
  /** A project whose tasks were all cancelled: its headline, and their number in a message that shows counts. */
  closedProject: { headline: string; counted: PluralForms };
  /** Between a count and the name of its project. */
  inProject: string;
  /** Ends a list that shows its first values only. */
  more: PluralForms;
  /** Ends a message that shows counts but has no space for all of them. */
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
    | "cost"
    | "result"
    | "deliverables"
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
  /** Before the agent's name in the headline of its question or report. */
  fromAgent: string;
  /** Why an agent's claim of a task ended. `{minutes}` is 2 or more. */
  losses: Record<"expired" | "reassigned" | "moved" | "stopped", string>;
  /** After the key of a blocker: its status, which is why the task is blocked by a dependency. */
  stuck: Record<"cancelled" | "blocked", string>;
  /** After the headline of a question that is asked again. */
  reminder: string;
  /** Replaces a missing date. */
  noDate: string;
  statuses: Record<Status, string>;
  priorities: Record<Priority, string>;
  /** Ends a message that may be in the chat twice, because an earlier send got no answer. */
  repeat: string;
  answers: AnswerTexts;
  cycles: CycleTexts;
  digest: DigestTexts;
  freeText: FreeTextTexts;
  live: LiveTexts;
  refusals: RefusalTexts;
}

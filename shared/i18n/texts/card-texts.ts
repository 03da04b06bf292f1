import type { Locale } from "../locale.ts";
import type { PluralForms } from "../plural.ts";

/** The lines of an agent card, in their order. */
export type CardLine =
  | (
      | "agent"
      | "lastAgent"
      | "since"
      | "stopped"
      | "received"
      | "session"
      | "progress"
      | "last"
      | "time"
      | "timer"
      | "cost"
      | "planned"
    )
  | ("estimate" | "confidence" | "commit" | "tests" | "summary" | "review");

/**
 * Texts of the agent card. `parseCard` reads cards in every language back by these texts, so a text that changes makes
 * the cards in Plane unreadable: add a new one instead.
 */
export interface CardTexts {
  /** For `Intl`. */
  locale: Locale;
  /** The first words of every card, by which it is recognized; different in each language. */
  title: string;
  /** Follows the title. */
  origin: string;
  labels: Record<CardLine, string>;
  /** Between a label and its value. */
  colon: string;
  /** `{n}` is 0 to 100. */
  percent: string;
  /** Who stopped the work, and when. */
  stopped: string;
  /** Whose words were received last, and when; then the words, and that they are passed on later. */
  received: string;
  receivedWords: string;
  receivedLater: string;
  /** A running timer. `{at}` is a time. */
  timer: string;
  /** Amounts of each agent after their sum. */
  sum: string;
  /** A confidence that no agent has reported. */
  assumed: string;
  /** The summary exists. */
  written: string;
  /** An open review. `{confidence}` is 0 to 1. */
  review: string;
  /** `{estimate}` is a cost, a time or both; `{tasks}` is `finishedTasks`. */
  estimate: string;
  tooLittle: string;
  finishedTasks: PluralForms;
}

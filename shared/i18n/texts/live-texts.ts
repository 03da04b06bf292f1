import type { PlanTexts } from "./plan-texts.ts";
import type { TicketTexts } from "./ticket-texts.ts";

/** Texts of live messages: questions, reviews, plans and the progress of a task. */
export interface LiveTexts {
  /** How to answer a question or review: the last line of its message. */
  hint: Record<"press" | "reply" | "review" | "reason", string>;
  /** The headline of a message without a task. */
  message: string;
  /** Questions: the headline of a reminder. */
  askedAgain: string;
  urgent: string;
  answered: string;
  notNeeded: string;
  /** Reviews. */
  confidence: string;
  approve: string;
  sendBack: string;
  withoutReason: string;
  approved: string;
  sentBack: string;
  reviewClosed: string;
  changed: string;
  title: string;
  text: string;
  /** The toast after a press, or the reply to a reply. */
  toast: Record<"answered" | "already" | "over" | "approved" | "sentBack" | "reason" | "changed", string>;
  plan: PlanTexts;
  ticket: TicketTexts;
  /** Progress of a task. */
  since: string;
  unattended: string;
  inReview: string;
}

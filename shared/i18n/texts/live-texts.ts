/** What is said in messages that wait for the human, and that follow a running task. `{name}` is filled in. */
export interface LiveTexts {
  /** Under a question: how to answer it. */
  hint: Record<"press" | "reply" | "review" | "reason", string>;
  /** Of a question: asked again, of urgency high. */
  askedAgain: string;
  urgent: string;
  answered: string;
  notNeeded: string;
  /** Of a review. */
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
  /** Shown for a moment, or said, to whoever pressed or replied. */
  toast: Record<"answered" | "already" | "over" | "approved" | "sentBack" | "reason" | "changed", string>;
  /** Of a running task. */
  since: string;
  unattended: string;
  inReview: string;
}

import type { PluralForms } from "../plural.ts";

/** Texts of proposed plans. */
export interface PlanTexts {
  /** Before the text of the wish that the plan is for. `{by}` is a person. */
  wishOf: string;
  /** The tasks that a task depends on. `{keys}` are numbers in the list, or keys. */
  after: string;
  total: string;
  tasks: PluralForms;
  /** Number of tasks that are not part of the total cost. */
  withoutEstimate: PluralForms;
  /** `{spent}`, `{open}` and `{budget}` are amounts of the current month. */
  budget: string;
  /** Buttons. */
  approve: string;
  change: string;
  cancel: string;
  /** The last line of a proposal that waits for a decision. */
  hint: Record<"decide" | "reason", string>;
  /** Who decided. `{by}` is a person. */
  verdicts: Record<"approved" | "sent_back" | "cancelled", string>;
  /** The message shows a proposal that another one has replaced. */
  replaced: string;
  /** The plan waits for no decision, although nobody decided. */
  closed: string;
  /** The toast after the press of Change. */
  reasonToast: string;
}

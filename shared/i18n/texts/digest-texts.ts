import type { PluralForms } from "../plural.ts";

/** Texts of the daily digest. */
export interface DigestTexts {
  title: string;
  done: string;
  /** Replaces the list in an empty section. */
  nothing: string;
  projects: string;
  blocked: string;
  /** `{when}` is a time. */
  since: string;
  sinceBefore: string;
  /** `{keys}` are the keys of the open blockers. */
  waitsFor: string;
  due: string;
  overdue: string;
  reviews: string;
  /** `{percent}` includes the percent sign. */
  confidence: string;
  /** Plans that wait for approval. */
  plans: string;
  questions: string;
  forecast: string;
  open: PluralForms;
  /** `{what}` is a time, a cost or both. */
  estimate: string;
  fromFinished: PluralForms;
  fromEstimates: PluralForms;
  tooLittleData: string;
  tooLittleDataFor: PluralForms;
  /** `{month}` is the name of the current month. */
  cost: string;
  /** `{spent}`, `{open}` and `{budget}` include the currency, `{percent}` its sign; `{missing}` is `withoutEstimate`. */
  ofBudget: string;
  /** The same in a notice of its own; `{threshold}` is 80 or 100 %, and `{month}` the month's name. */
  budgetNotice: string;
  withoutEstimate: PluralForms;
  /** Labels of the lines about all open tasks and about the budget of `{month}`. */
  forecastLabel: string;
  budgetLabel: string;
}

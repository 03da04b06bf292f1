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
  tooLittleData: string;
  tooLittleDataFor: PluralForms;
  /** `{month}` is the name of the current month. */
  cost: string;
  /** `{cost}` and `{budget}` include the currency, `{percent}` its sign. */
  ofBudget: string;
}

import type { PluralForms } from "../plural.ts";

/** What the daily digest says. */
export interface DigestTexts {
  title: string;
  done: string;
  /** Where there is nothing to list. */
  nothing: string;
  projects: string;
  blocked: string;
  /** `{when}` is a moment, or a day in `longer`. */
  since: string;
  sinceBefore: string;
  /** `{keys}` are tasks. */
  waitsFor: string;
  due: string;
  overdue: string;
  reviews: string;
  /** `{percent}` with its sign. */
  confidence: string;
  questions: string;
  forecast: string;
  open: PluralForms;
  /** `{what}` is a time, a cost or both. */
  estimate: string;
  fromFinished: PluralForms;
  tooLittleData: string;
  tooLittleDataFor: PluralForms;
  /** `{month}`, as people write it. */
  cost: string;
  /** `{cost}`, `{budget}` and `{percent}`. */
  ofBudget: string;
}

import type { Counted } from "../texts.ts";

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
  longer: string;
  /** `{keys}` are tasks. */
  waits: string;
  due: string;
  overdue: string;
  reviews: string;
  /** `{percent}` with its sign. */
  confidence: string;
  questions: string;
  forecast: string;
  open: Counted;
  /** `{what}` is a time, a cost or both. */
  about: string;
  from: Counted;
  tooLittle: string;
  tooLittleOf: Counted;
  /** `{month}`, as people write it. */
  cost: string;
  /** `{cost}`, `{budget}` and `{percent}`. */
  ofBudget: string;
}

import type { PluralForms } from "../plural.ts";

/** Texts about cycles. */
export interface CycleTexts {
  /** Heading in the digest. */
  current: string;
  /** Number of open tasks. */
  left: PluralForms;
  allClosed: string;
  /** `{date}` is a day. */
  starts: string;
  ends: string;
  ended: string;
  noDates: string;
  /** Replaces the progress when no cycle is current. */
  noneCurrent: string;
  upcoming: string;
  none: string;
  /** `{date}` is the day on which the last task is done. */
  forecast: string;
  onTime: string;
  late: PluralForms;
  /** `{n}` tasks a day. */
  pace: string;
  noForecast: string;
  stale: string;
}

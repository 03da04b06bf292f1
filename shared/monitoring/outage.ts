/**
 * An outage of Plane: from failed checks to the record of its beginning and end, and the notices about it, of which a
 * flapping Plane causes few.
 */

import type { Settings } from "../config/settings.ts";
import { formatTemplate, type Locale, localizeDuration, localizeMoment } from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { createNoticeJobs } from "../jobs/outgoing-jobs.ts";
import type { Job, Store, StoreKey } from "../store/port.ts";
import { HOUR, MINUTE, type Ms } from "../time.ts";

/** A time in which Plane gives no usable answer. All times are store times. */
interface Outage {
  /** Beginning of the first check that failed. */
  since: Ms;
  /** The last check that failed. */
  failedAt: Ms;
  /** The human was notified. */
  announced?: true;
  /** Plane answers again since this time, which is not announced yet. */
  answersSince?: Ms;
}

/** What is known about Plane's outages, shared by all processes on the store. */
export interface OutagesRecord {
  /** The present one; absent while Plane answers. */
  outage?: Outage;
  /** Ends of the last announced outages, oldest first. */
  ended: Ms[];
}

/** What the human is notified of. `until`: since when Plane answers again. */
type OutageNotice = { kind: "away"; since: Ms } | { kind: "back"; since: Ms; until: Ms };

/** The result of a check of Plane: whether it answered, and the store times of the check's beginning and end. */
export interface PlaneCheck {
  answers: boolean;
  began: Ms;
  now: Ms;
}

/** An outage is announced after 2 minutes (MONITOR-04); shorter ones are not. */
const ANNOUNCE_AFTER: Ms = 2 * MINUTE;

/**
 * Longest time between two failed checks of one outage that was not announced: 3 minutes. After a longer pause
 * (Groundcrew was stopped) nothing is known about the time between them.
 */
const CHECK_GAP: Ms = 3 * MINUTE;

/** Ended outages count for 2 hours as signs of a Plane that fails again and again. */
const FLAPPING_PERIOD: Ms = 2 * HOUR;

/** How long Plane must answer before its return is announced: at once for the first outage of the period. */
const STEADY_TIMES: readonly Ms[] = [0, 10 * MINUTE, 30 * MINUTE];

/** Retention of the record after its last change: 1 day; an outage that goes on changes it at each check. */
export const OUTAGE_RETENTION: Ms = 24 * HOUR;

export const outageKey: StoreKey = "plane-outage";

/** Computes the next record and what to announce; undefined when nothing changes. Pure. */
export function advanceOutage(
  stored: OutagesRecord | undefined,
  check: PlaneCheck,
): { value: OutagesRecord; notice?: OutageNotice } | undefined {
  const ended = (stored?.ended ?? []).filter((at) => at > check.now - FLAPPING_PERIOD);
  const outage = stored?.outage;
  if (!check.answers) return continueOutage(outage, ended, check);
  if (!outage) return undefined;
  if (!outage.announced) return { value: { ended } };
  const until = outage.answersSince ?? check.now;
  const steadyTime = STEADY_TIMES[Math.min(ended.length, STEADY_TIMES.length - 1)] ?? 0;
  if (check.now - until < steadyTime)
    return outage.answersSince === undefined
      ? { value: { ended, outage: { ...outage, answersSince: until } } }
      : undefined;
  return { value: { ended: [...ended, check.now] }, notice: { kind: "back", since: outage.since, until } };
}

function continueOutage(
  outage: Outage | undefined,
  ended: Ms[],
  { began, now }: PlaneCheck,
): { value: OutagesRecord; notice?: OutageNotice } {
  const continues = outage && (outage.announced || began - outage.failedAt <= CHECK_GAP);
  const { answersSince: _, ...current } = continues ? outage : { since: began };
  const next: Outage = { ...current, failedAt: now };
  if (next.announced || now - next.since < ANNOUNCE_AFTER) return { value: { ended, outage: next } };
  return { value: { ended, outage: { ...next, announced: true } }, notice: { kind: "away", since: next.since } };
}

/** Reads the present outage; undefined while Plane answers. A short failure is an outage that is not announced. */
export async function readOutage(store: Pick<Store, "read">): Promise<Outage | undefined> {
  const [stored] = await store.read<OutagesRecord>([outageKey]);
  return stored?.value.outage;
}

/**
 * Creates the job for the message that Plane does not answer, or answers again.
 * @param now store time, for times of the same day
 */
export function createOutageNoticeJobs(
  settings: Pick<Settings, "telegram" | "locale" | "timezone">,
  notice: OutageNotice,
  now: Ms,
  correlation: string,
): Job[] {
  const { kind, since } = notice;
  const renderText = (language: Locale) => {
    const formatTime = (at: Ms) => localizeMoment(language, settings.timezone, at, now);
    const values: Record<string, string> = { since: formatTime(since) };
    if (notice.kind === "back") {
      values["until"] = formatTime(notice.until);
      values["duration"] = localizeDuration(language, notice.until - since);
    }
    return formatTemplate(getTexts(language).outage[kind], values);
  };
  return createNoticeJobs(settings, `plane_${kind}`, `plane-outage:${kind}:${since}`, renderText, correlation);
}

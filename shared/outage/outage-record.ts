import type { Store, StoreKey } from "../store/port.ts";
import { HOUR, MINUTE, type Ms } from "../time.ts";

/** A time in which Plane gives no usable answer. All times are store times. */
export interface Outage {
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
export interface KeptOutages {
  /** The present one; absent while Plane answers. */
  outage?: Outage;
  /** Ends of the last announced outages, oldest first. */
  ended: Ms[];
}

/** What the human is notified of. `until`: since when Plane answers again. */
export type OutageNotice = { kind: "away"; since: Ms } | { kind: "back"; since: Ms; until: Ms };

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

/** Reads the present outage; undefined while Plane answers. A short failure is an outage that is not announced. */
export async function readOutage(store: Pick<Store, "read">): Promise<Outage | undefined> {
  const [kept] = await store.read<KeptOutages>([outageKey]);
  return kept?.value.outage;
}

/** The result of a check of Plane: whether it answered, and the store times of the check's beginning and end. */
export interface PlaneCheck {
  answers: boolean;
  began: Ms;
  now: Ms;
}

/** Computes the next record and what to announce; undefined when nothing changes. Pure. */
export function advanceOutage(
  kept: KeptOutages | undefined,
  check: PlaneCheck,
): { value: KeptOutages; notice?: OutageNotice } | undefined {
  const ended = (kept?.ended ?? []).filter((at) => at > check.now - FLAPPING_PERIOD);
  const outage = kept?.outage;
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
): { value: KeptOutages; notice?: OutageNotice } {
  const continues = outage && (outage.announced || began - outage.failedAt <= CHECK_GAP);
  const { answersSince: _, ...current } = continues ? outage : { since: began };
  const next: Outage = { ...current, failedAt: now };
  if (next.announced || now - next.since < ANNOUNCE_AFTER) return { value: { ended, outage: next } };
  return { value: { ended, outage: { ...next, announced: true } }, notice: { kind: "away", since: next.since } };
}

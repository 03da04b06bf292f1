/**
 * The times of recurring work: croner's, for a cron expression of five fields in a time zone. Where a change of summer
 * time skips or repeats an hour, a fixed time of day comes exactly once, and a time that is skipped comes at the end of
 * the skipped hour. All times are milliseconds since the epoch.
 */

import { Cron } from "croner";
/** When recurring work comes: a cron expression of five fields, and an IANA time zone. */
export interface CronRule {
  cron: string;
  timeZone: string;
}

/** Times that are due: the latest of them, and how many came before it, between `from` and `to`. */
export interface DueTimes {
  time: number;
  missed?: MissedTimes;
}

/** Times that passed unused. `count` is 1,000 where there are more. */
export interface MissedTimes {
  count: number;
  from: number;
  to: number;
}

/** Limit of the times that are counted: 1,000, so that a long absence costs milliseconds. */
const MAX_COUNTED = 1_000;

/** "no-wildcard": lists of times count as fixed times, too, so that a change of summer time never drops or doubles one. */
const CRON_OPTIONS = { mode: "5-part", fixedTimeRule: "no-wildcard" } as const;

/** Whether this is a cron expression of five fields that has times to come. */
export function isCronOfFiveFields(text: string): boolean {
  // Croner takes nicknames, and `?` for the present time, with which a time would be another one at each calculation.
  if (!/^[^\s@?]+(?:\s+[^\s?]+){4}$/.test(text.trim())) return false;
  try {
    return findNextTime({ cron: text, timeZone: "UTC" }, 0) !== undefined;
  } catch {
    return false;
  }
}

/** Finds the first time after `after`; undefined when there is none. */
export function findNextTime(rule: CronRule, after: number): number | undefined {
  return createCron(rule).nextRun(new Date(after))?.getTime();
}

/** Lists the next `count` times after `after`; fewer when there are not that many before `until`. */
export function listNextTimes(
  rule: CronRule,
  after: number,
  count: number,
  until = Number.POSITIVE_INFINITY,
): number[] {
  const times = createCron(rule).nextRuns(count, new Date(after));
  return times.map((time) => time.getTime()).filter((time) => time <= until);
}

/** Finds the times after `since`, up to and including `now`; undefined when there is none. */
export function findDueTimes(rule: CronRule, since: number, now: number): DueTimes | undefined {
  const cron = createCron(rule);
  const first = cron.nextRun(new Date(since))?.getTime();
  if (first === undefined || first > now) return undefined;
  // Croner's reference is exclusive.
  const latest = cron.previousRuns(1, new Date(now + 1))[0]?.getTime() ?? first;
  if (latest <= first) return { time: first };
  const missed: MissedTimes = {
    count: 0,
    from: first,
    to: cron.previousRuns(1, new Date(latest))[0]?.getTime() ?? first,
  };
  for (let time = first; time < latest && missed.count < MAX_COUNTED; missed.count += 1)
    time = cron.nextRun(new Date(time))?.getTime() ?? latest;
  return { time: latest, missed };
}

/** Lists the latest `count` times before `before`, the latest first. */
export function listPreviousTimes(rule: CronRule, before: number, count: number): number[] {
  return createCron(rule)
    .previousRuns(count, new Date(before))
    .map((time) => time.getTime());
}

function createCron({ cron, timeZone }: CronRule): Cron {
  return new Cron(cron.trim(), { ...CRON_OPTIONS, timezone: timeZone });
}

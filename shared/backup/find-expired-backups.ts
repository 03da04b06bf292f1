import { DAY, type Ms } from "../time.ts";
import { parseBackupName } from "./backup-manifest.ts";

/** Number of days, and of weeks, of which the newest backup is kept. */
const KEPT = { days: 7, weeks: 4 } as const;

/** 1970-01-01 was a Thursday; ISO weeks begin on Monday. */
const DAYS_BEFORE_FIRST_MONDAY = 4;

/**
 * Returns the names of the backups that are not kept any longer. Kept are the newest backup of each of the last 7 days
 * that have one, and the newest of each of the last 4 weeks that have one (UTC, weeks begin on Monday). Days and weeks
 * without a backup do not count, so that backups do not disappear while none is made. Names that are not those of a
 * backup are never returned.
 */
export function findExpiredBackups(names: readonly string[]): string[] {
  const backups = names
    .flatMap((name) => {
      const at = parseBackupName(name);
      return at === undefined ? [] : [{ name, at }];
    })
    .sort((a, b) => b.at - a.at);
  const kept = new Set([
    ...listNewestOfPeriods(backups, getDay, KEPT.days),
    ...listNewestOfPeriods(backups, getWeek, KEPT.weeks),
  ]);
  return backups.flatMap(({ name }) => (kept.has(name) ? [] : [name]));
}

const getDay = (at: Ms) => Math.floor(at / DAY);
const getWeek = (at: Ms) => Math.floor((getDay(at) - DAYS_BEFORE_FIRST_MONDAY) / 7);

/** Returns the newest name of each period, for the newest `count` periods. `backups`: newest first. */
function listNewestOfPeriods(
  backups: readonly { name: string; at: Ms }[],
  getPeriod: (at: Ms) => number,
  count: number,
): string[] {
  const newest = new Map<number, string>();
  for (const { name, at } of backups) {
    const period = getPeriod(at);
    if (!newest.has(period)) newest.set(period, name);
  }
  return [...newest.values()].slice(0, count);
}

import fc from "fast-check";
import { expect, test } from "vitest";
import { formatBackupName, parseBackupName } from "../../../runtime/backup/manifest.ts";
import { findExpiredBackups } from "../../../runtime/backup/stored-backups.ts";
import { DAY, HOUR } from "../../../shared/time.ts";

const RUNS = process.env["FULL"] ? 10_000 : 300;
const MONDAY = Date.parse("2026-11-23T03:00:00Z");

const findKept = (names: readonly string[]) => {
  const expired = new Set(findExpiredBackups(names));
  return names.filter((name) => !expired.has(name)).sort();
};

test("INFRA-05 Of daily backups the last 7 days and the newest of the last 4 weeks are kept", () => {
  const names = Array.from({ length: 60 }, (_, i) => formatBackupName(MONDAY - i * DAY));
  expect(findKept(names)).toEqual([
    // The Sundays of the weeks that began on 2 and 9 November; that of the 16th is among the days.
    "2026-11-08T03-00-00Z",
    "2026-11-15T03-00-00Z",
    "2026-11-17T03-00-00Z",
    "2026-11-18T03-00-00Z",
    "2026-11-19T03-00-00Z",
    "2026-11-20T03-00-00Z",
    "2026-11-21T03-00-00Z",
    "2026-11-22T03-00-00Z",
    "2026-11-23T03-00-00Z",
  ]);
});

test("A second backup of a day replaces the first, and other names are never removed", () => {
  const names = [MONDAY, MONDAY + HOUR].map(formatBackupName);
  expect(findExpiredBackups([...names, "notes", "2026-13-40T00-00-00Z", ".lock", "../x"])).toEqual([names[0]]);
});

test("Backups do not disappear while none is made", () => {
  const names = Array.from({ length: 9 }, (_, i) => formatBackupName(MONDAY - 365 * DAY - i * DAY));
  expect(findKept(names).length).toBeGreaterThanOrEqual(7);
  expect(findKept([])).toEqual([]);
});

const backupTimes = fc.array(fc.integer({ min: 0, max: 400 * 24 }), { maxLength: 120 });

test("However backups are distributed, the newest stays, at most 11 stay, and those of the last 7 days with one stay", () => {
  fc.assert(
    fc.property(backupTimes, (hours) => {
      const names = [...new Set(hours.map((hour) => formatBackupName(MONDAY - hour * HOUR)))].sort();
      const stored = findKept(names);
      const newest = names.at(-1);
      if (newest !== undefined) expect(stored).toContain(newest);
      expect(stored.length).toBeLessThanOrEqual(11);
      const days = [...new Set(names.map((name) => name.slice(0, 10)))].slice(-7);
      for (const day of days) expect(stored).toContain(names.filter((name) => name.startsWith(day)).at(-1));
      // What was removed once is not missed later: another run removes nothing more.
      expect(findExpiredBackups(stored)).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});

test("When a backup is made every day, each of the last 4 weeks keeps one at every time", () => {
  let names: string[] = [];
  for (let day = 0; day < 90; day += 1) {
    names.push(formatBackupName(MONDAY + day * DAY));
    const expired = new Set(findExpiredBackups(names));
    names = names.filter((name) => !expired.has(name));
    const ages = names.map((name) => (MONDAY + day * DAY - (parseBackupName(name) ?? 0)) / DAY);
    if (day < 28) continue;
    expect(names.length).toBeGreaterThanOrEqual(9);
    // Three weeks and at least a day back.
    expect(Math.max(...ages)).toBeGreaterThanOrEqual(15);
    expect(Math.max(...ages)).toBeLessThanOrEqual(28);
  }
});

test("A name of a backup is read back as the time it was made from", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e9 }), (seconds) => {
      expect(parseBackupName(formatBackupName(seconds * 1000))).toBe(seconds * 1000);
    }),
  );
});

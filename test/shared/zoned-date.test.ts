import fc from "fast-check";
import { expect, test } from "vitest";
import { DAY, HOUR, SECOND, splitByDay, toZonedDate } from "../../shared/time.ts";

test("A period is split at midnight of the time zone, also on days of 23 and 25 hours", () => {
  const split = (from: string, to: string) =>
    splitByDay("Europe/Paris", { from: Date.parse(from), to: Date.parse(to) });
  expect(split("2026-03-28T22:00:00Z", "2026-03-29T22:30:00Z")).toEqual([
    { day: "2026-03-28", ms: HOUR },
    { day: "2026-03-29", ms: 23 * HOUR },
    { day: "2026-03-30", ms: HOUR / 2 },
  ]);
  expect(split("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")).toEqual([{ day: "2026-10-25", ms: 25 * HOUR }]);
});

test("The parts of any period add up to its whole seconds, and each lies on its day", () => {
  const time = fc.integer({ min: Date.parse("2026-01-01T00:00:00Z"), max: Date.parse("2027-01-01T00:00:00Z") });
  const zone = fc.constantFrom("UTC", "Europe/Paris", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu");
  fc.assert(
    fc.property(zone, time, fc.integer({ min: 0, max: 3 * DAY }), (timeZone, from, length) => {
      const parts = splitByDay(timeZone, { from, to: from + length });
      const sum = parts.reduce((total, { ms }) => total + ms, 0);
      expect(sum).toBe(Math.floor(length / SECOND) * SECOND);
      expect(parts.every(({ ms }) => ms > 0 && ms <= 25 * HOUR)).toBe(true);
      expect(parts.map(({ day }) => day)).toEqual([...new Set(parts.map(({ day }) => day))].sort());
      // A second over midnight counts on the day on which it ends.
      const days = [toZonedDate(timeZone, from), ...parts.map(({ day }) => day), toZonedDate(timeZone, from + length)];
      expect(days).toEqual([...days].sort());
    }),
    { numRuns: 60 },
  );
});

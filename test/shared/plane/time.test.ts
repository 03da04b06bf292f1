import fc from "fast-check";
import { expect, test } from "vitest";
import { planeTimeSchema } from "../../../shared/plane/endpoint.ts";

const normalizePlaneTime = (text: string) => planeTimeSchema.parse(text);

test("a time of Plane keeps its microseconds, which it may omit, and is converted to UTC from any time zone", () => {
  for (const [text, time] of [
    ["2026-11-21T04:33:08.694237Z", "2026-11-21T04:33:08.694237Z"],
    ["2026-12-05T23:59:00Z", "2026-12-05T23:59:00.000000Z"],
    ["2026-12-05T23:59:00.25Z", "2026-12-05T23:59:00.250000Z"],
    ["2026-11-21T05:33:08.694237+01:00", "2026-11-21T04:33:08.694237Z"],
    ["2027-01-01T05:15:00+05:45", "2026-12-31T23:30:00.000000Z"],
    ["2026-11-20T23:33:08.000001-05:00", "2026-11-21T04:33:08.000001Z"],
  ] as const)
    expect(normalizePlaneTime(text)).toBe(time);
  const noZone = "2026-11-21T04:33:08";
  for (const text of ["", "yesterday", "2026-11-21", noZone, "2026-13-01T00:00:00Z", `${noZone}.1234567Z`])
    expect(planeTimeSchema.safeParse(text).success, text).toBe(false);
});

test("normalized times sort as strings, whatever time zones Plane used", () => {
  const moment = fc.record({
    micros: fc.bigInt({ min: 0n, max: 4_102_444_800_000_000n }),
    minutes: fc.integer({ min: -12 * 60, max: 14 * 60 }),
  });
  fc.assert(
    fc.property(moment, moment, (a, b) => {
      const [first, second] = [normalizePlaneTime(formatDjangoTime(a)), normalizePlaneTime(formatDjangoTime(b))];
      expect(first < second).toBe(a.micros < b.micros);
      expect(first === second).toBe(a.micros === b.micros);
    }),
  );
});

/** Formats a time like Django: local time of the zone, with microseconds only if they are not zero. */
function formatDjangoTime({ micros, minutes }: { micros: bigint; minutes: number }): string {
  const local = new Date(Number(micros / 1000n) + minutes * 60_000).toISOString().slice(0, 19);
  const fraction = micros % 1_000_000n === 0n ? "" : `.${String(micros % 1_000_000n).padStart(6, "0")}`;
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((part) =>
    String(part).padStart(2, "0"),
  );
  return `${local}${fraction}${minutes === 0 ? "Z" : `${minutes < 0 ? "-" : "+"}${hours}:${rest}`}`;
}

import fc from "fast-check";
import { expect, test } from "vitest";
import { planeTimeSchema } from "../../../shared/plane/endpoint.ts";

const normalizePlaneTime = (text: string) => planeTimeSchema.parse(text);

test("a time of Plane keeps its microseconds", () => {
  expect(normalizePlaneTime("2026-11-21T04:33:08.694237Z")).toBe("2026-11-21T04:33:08.694237Z");
});

test("microseconds that Plane omits become zeros", () => {
  expect(normalizePlaneTime("2026-12-05T23:59:00Z")).toBe("2026-12-05T23:59:00.000000Z");
  expect(normalizePlaneTime("2026-12-05T23:59:00.25Z")).toBe("2026-12-05T23:59:00.250000Z");
});

test("a time in the time zone of the key's owner is converted to UTC, also across midnight and new year", () => {
  expect(normalizePlaneTime("2026-11-21T05:33:08.694237+01:00")).toBe("2026-11-21T04:33:08.694237Z");
  expect(normalizePlaneTime("2027-01-01T05:15:00+05:45")).toBe("2026-12-31T23:30:00.000000Z");
  expect(normalizePlaneTime("2026-11-20T23:33:08.000001-05:00")).toBe("2026-11-21T04:33:08.000001Z");
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

test.each([
  "",
  "yesterday",
  "2026-11-21",
  "2026-11-21T04:33:08",
  "2026-13-01T00:00:00Z",
  "2026-11-21T04:33:08.1234567Z",
])("%j is refused as a time", (text) => {
  expect(planeTimeSchema.safeParse(text).success).toBe(false);
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

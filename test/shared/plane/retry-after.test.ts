import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRetryAfter } from "../../../shared/plane/request.ts";

const LIMIT_MS = 900_000;
const DATE = "2026-11-21T04:00:00.000Z";

test("a Retry-After of seconds or a date is a wait of 15 minutes at most, and anything else says nothing", () => {
  const waits: [string, number][] = [
    ["45", 45_000],
    [" 45 ", 45_000],
    ["0", 0],
    ["900", LIMIT_MS],
    ["901", LIMIT_MS],
    ["9".repeat(400), LIMIT_MS],
    ["Sat, 21 Nov 2026 04:00:45 GMT", 45_000],
    ["Saturday, 21-Nov-26 04:00:45 GMT", 45_000],
    ["Sat Nov 21 04:00:45 2026", 45_000],
    ["Sun Nov  1 04:00:45 2026", 0],
    ["Sat, 21 Nov 2026 03:59:00 GMT", 0],
    ["Fri, 31 Dec 9999 23:59:59 GMT", LIMIT_MS],
  ];
  for (const [header, wait] of waits) expect(parseRetryAfter(header, DATE), header).toBe(wait);
  const others = [
    "",
    "soon",
    "-1",
    "-0",
    "+5",
    "1.5",
    "NaN",
    "Infinity",
    "1e3",
    "0x10",
    "5, 5",
    "soon GMT",
    "2030-01-01",
  ];
  for (const header of [null, ...others]) expect(parseRetryAfter(header, DATE), `${header}`).toBeUndefined();
});

const headerArbitrary = fc.oneof(
  fc.string(),
  fc.double().map(String),
  fc.bigInt().map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  fc.date({ noInvalidDate: true }).map((date) => date.toString()),
);

test("whatever a Retry-After contains, the wait is a number from 0 to 15 minutes, or nothing", () => {
  fc.assert(
    fc.property(headerArbitrary, fc.constantFrom(DATE, "1970-01-01T00:00:00.000Z", "invalid"), (header, date) => {
      const wait = parseRetryAfter(header, date);
      if (wait === undefined) return;
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual(LIMIT_MS);
    }),
    { numRuns: 300 },
  );
});

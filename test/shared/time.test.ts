import { expect, test } from "vitest";
import { formatIsoTime } from "../../shared/time.ts";

test.each([
  ["UTC", "2026-11-21T08:00:00.900Z", "2026-11-21T08:00:00Z"],
  ["Europe/Paris", "2026-11-21T23:30:00Z", "2026-11-22T00:30:00+01:00"],
  ["Europe/Paris", "2026-07-01T08:00:00Z", "2026-07-01T10:00:00+02:00"],
  ["Asia/Kolkata", "2026-11-21T20:00:00Z", "2026-11-22T01:30:00+05:30"],
  ["America/St_Johns", "2026-01-01T00:00:00Z", "2025-12-31T20:30:00-03:30"],
  ["Africa/Abidjan", "2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z"],
])("a time for agents in %s has that zone's offset, and is the same time: %s", (timeZone, at, text) => {
  expect(formatIsoTime(Date.parse(at), timeZone)).toBe(text);
  expect(Date.parse(text)).toBe(Math.floor(Date.parse(at) / 1000) * 1000);
});

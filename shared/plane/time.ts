import { z } from "zod";
import { MINUTE } from "../time.ts";

const PLANE_TIME = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?(?:Z|([+-])(\d{2}):?(\d{2}))$/;

/**
 * Normalizes a time from Plane to `YYYY-MM-DDTHH:MM:SS.ffffffZ`, so that times sort as strings. Plane prints
 * microseconds, omits them when they are zero, and uses the time zone of the key's owner.
 * Throws a RangeError for any other format.
 */
export function normalizePlaneTime(text: string): string {
  const time = parseTime(text);
  if (time === undefined)
    throw new RangeError("not a time as Plane prints it (YYYY-MM-DDTHH:MM:SS[.ffffff] and a zone)");
  return time;
}

/** A time in an answer of Plane, normalized like `normalizePlaneTime`. */
export const planeTimeSchema = z.string().transform((text, context) => {
  const time = parseTime(text);
  if (time !== undefined) return time;
  context.addIssue({ code: "custom", message: "expected a time as Plane prints it" });
  return z.NEVER;
});

function parseTime(text: string): string | undefined {
  const [, day, clock, fraction = "", sign, hours, minutes] = PLANE_TIME.exec(text) ?? [];
  const local = Date.parse(`${day}T${clock}Z`);
  if (Number.isNaN(local)) return undefined;
  const offset = sign === undefined ? 0 : (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -MINUTE : MINUTE);
  return `${new Date(local - offset).toISOString().slice(0, 19)}.${fraction.padEnd(6, "0")}Z`;
}

/** Converts Plane's `Date` header to the format of Plane's other times, so that they compare as strings. */
export function toPlaneTime(date: string): string {
  return `${date.slice(0, 19)}.000000Z`;
}

/** Adds `ms` milliseconds to a time of Plane; its microseconds stay. */
export function shiftPlaneTime(time: string, ms: number): string {
  const micros = time.slice(23, 26);
  return `${new Date(Date.parse(`${time.slice(0, 23)}Z`) + ms).toISOString().slice(0, 23)}${micros}Z`;
}

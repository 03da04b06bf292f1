/** A time in milliseconds since the epoch, or a duration in milliseconds. */
export type Ms = number;

export const SECOND: Ms = 1_000;
export const MINUTE: Ms = 60 * SECOND;
export const HOUR: Ms = 60 * MINUTE;
export const DAY: Ms = 24 * HOUR;

/** Formats a time for people and agents: ISO 8601 in UTC, without fractions of a second. */
export function formatIsoTime(at: Ms): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** Milliseconds since the epoch, or a length of time in milliseconds. */
export type Ms = number;

export const SECOND: Ms = 1_000;
export const MINUTE: Ms = 60 * SECOND;
export const HOUR: Ms = 60 * MINUTE;
export const DAY: Ms = 24 * HOUR;

/** A time as people and agents read it: ISO 8601 in UTC, whole seconds. */
export function formatIsoTime(at: Ms): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z");
}

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

/**
 * Whether less than `duration` has passed since `at`. A time in the future was taken before the clock was set back and
 * does not count, because it would stay recent until the clock has caught up.
 */
export function isRecent(at: Ms, duration: Ms, now: Ms): boolean {
  return at <= now && now - at < duration;
}

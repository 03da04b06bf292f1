import { MAX_HOLD_MS } from "../store/rate-limit-hold.ts";
import type { Ms } from "../time.ts";

/** The three forms of an HTTP date (RFC 9110, 5.6.7), which all mean UTC. The last one does not say so. */
const DATE_WITH_ZONE = /^[A-Z][a-z]+, .* GMT$/;
const DATE_WITHOUT_ZONE = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/;

/**
 * Parses a `Retry-After` header: whole seconds or an HTTP date, which is compared with Plane's own clock. Returns
 * milliseconds from 0 to Plane's limit of a hold; undefined for everything else.
 * @param date when Plane answered, ISO 8601
 */
export function parseRetryAfter(header: string | null, date: string): Ms | undefined {
  const wait = parseWait(header?.trim() ?? "", date);
  return Number.isNaN(wait) ? undefined : Math.min(MAX_HOLD_MS.plane, Math.max(0, wait));
}

function parseWait(text: string, date: string): Ms {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  if (DATE_WITH_ZONE.test(text)) return Date.parse(text) - Date.parse(date);
  return DATE_WITHOUT_ZONE.test(text) ? Date.parse(`${text} GMT`) - Date.parse(date) : Number.NaN;
}

import type { Ms } from "../time.ts";

/** Begins the text about a session without output; a time follows. */
const SILENCE = "silent since ";

/** Describes a silence, as the attention of a ticket. */
export function formatSilence(since: Ms): string {
  return SILENCE + new Date(since).toISOString();
}

/** Finds since when a session is silent; undefined for another attention. */
export function findSilence(attention: string): Ms | undefined {
  const at = attention.startsWith(SILENCE) ? Date.parse(attention.slice(SILENCE.length)) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

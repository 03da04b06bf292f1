import type { Ms } from "../time.ts";

/** Counts a request of a source and returns whether the source is over its limit. */
export type SourceLimiter = (source: string) => boolean;

interface SourceLimiterOptions {
  limit: number;
  window: Ms;
  /** Limit of remembered sources; a new source replaces the one whose window began first. */
  sources: number;
  clock: () => Ms;
}

/** Creates a rate limiter with one window per source, which begins with its first request. Its memory is bounded. */
export function createSourceLimiter({ limit, window, sources, clock }: SourceLimiterOptions): SourceLimiter {
  const counts = new Map<string, { since: Ms; count: number }>();
  return (source) => {
    const now = clock();
    const entry = counts.get(source);
    if (entry && now - entry.since < window) {
      entry.count = Math.min(entry.count + 1, limit + 1);
      return entry.count > limit;
    }
    counts.delete(source);
    const [oldest] = counts.keys();
    if (counts.size >= sources && oldest !== undefined) counts.delete(oldest);
    counts.set(source, { since: now, count: 1 });
    return limit < 1;
  };
}

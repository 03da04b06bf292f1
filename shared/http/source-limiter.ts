import { isRecent, type Ms } from "../time.ts";

export interface SourceLimiter {
  /** Counts a request of a source and returns whether the source is over its limit. */
  count(source: string): boolean;
  /** Whether the next request of a source would be over its limit; counts nothing. */
  isExhausted(source: string): boolean;
}

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
  function findCurrent(source: string) {
    const entry = counts.get(source);
    return entry && isRecent(entry.since, window, clock()) ? entry : undefined;
  }

  return {
    count(source) {
      const entry = findCurrent(source);
      if (entry) {
        entry.count = Math.min(entry.count + 1, limit + 1);
        return entry.count > limit;
      }
      counts.delete(source);
      const [oldest] = counts.keys();
      if (counts.size >= sources && oldest !== undefined) counts.delete(oldest);
      counts.set(source, { since: clock(), count: 1 });
      return limit < 1;
    },
    isExhausted: (source) => (findCurrent(source)?.count ?? 0) >= limit,
  };
}

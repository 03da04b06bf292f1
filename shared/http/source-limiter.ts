import type { Ms } from "../time.ts";

/** Says whether a source has used up its share; each asking counts. */
export type SourceLimiter = (source: string) => boolean;

interface SourceLimiterOptions {
  limit: number;
  window: Ms;
  /** How many sources are remembered; the longest-known one is forgotten for a new one. */
  sources: number;
  clock: () => Ms;
}

/** Counts per source in windows that begin with the source's first request. Bounded in memory. */
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

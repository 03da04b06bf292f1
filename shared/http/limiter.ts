import type { Ms } from "../store/port.ts";

/** Says whether a source has used up its share; each asking counts. */
export type Limiter = (source: string) => boolean;

interface LimiterOptions {
  limit: number;
  window: Ms;
  /** How many sources are remembered; the longest-known one is forgotten for a new one. */
  sources: number;
  clock: () => Ms;
}

/** Counts per source in windows that begin with the source's first request. Bounded in memory. */
export function createLimiter({ limit, window, sources, clock }: LimiterOptions): Limiter {
  const counts = new Map<string, { since: Ms; count: number }>();
  return (source) => {
    const now = clock();
    const known = counts.get(source);
    if (known && now - known.since < window) {
      known.count = Math.min(known.count + 1, limit + 1);
      return known.count > limit;
    }
    counts.delete(source);
    const [oldest] = counts.keys();
    if (counts.size >= sources && oldest !== undefined) counts.delete(oldest);
    counts.set(source, { since: now, count: 1 });
    return limit < 1;
  };
}

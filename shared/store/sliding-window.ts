import type { Ms } from "../time.ts";

export interface SpentEntry {
  at: Ms;
  n: number;
}

/**
 * Computes the milliseconds until `n` fit under `limit`, given the entries spent after `now - window`, oldest first. 0:
 * they fit now. When `n` exceeds `limit`, the result is a whole window.
 */
export function computeWindowWait(spent: readonly SpentEntry[], n: number, limit: number, window: Ms, now: Ms): Ms {
  if (n > limit) return window;
  let over = n + sumSpent(spent) - limit;
  if (over <= 0) return 0;
  for (const entry of spent) {
    over -= entry.n;
    if (over <= 0) return entry.at + window - now;
  }
  return window;
}

/** Returns what was spent in all. */
export function sumSpent(spent: readonly SpentEntry[]): number {
  return spent.reduce((sum, { n }) => sum + n, 0);
}

import type { Ms } from "../time.ts";

export interface SpentEntry {
  at: Ms;
  n: number;
}

/**
 * How long until `n` fit under `limit`, given what was spent after `now - window`, oldest first; 0 = they fit now.
 * What can never fit waits a whole window.
 */
export function computeWindowWait(spent: readonly SpentEntry[], n: number, limit: number, window: Ms, now: Ms): Ms {
  if (n > limit) return window;
  let over = spent.reduce((sum, entry) => sum + entry.n, n) - limit;
  if (over <= 0) return 0;
  for (const entry of spent) {
    over -= entry.n;
    if (over <= 0) return entry.at + window - now;
  }
  return window;
}

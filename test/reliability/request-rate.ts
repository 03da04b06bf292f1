import { MINUTE } from "../../shared/time.ts";
import type { LedgerRequest } from "../../simulators/plane/test-controls.ts";

/** How many requests with the key Plane received within the fullest 60 s. */
export function countBusiestMinute(requests: readonly LedgerRequest[]): number {
  const times = requests.filter(({ api }) => api).map(({ at }) => at);
  let most = 0;
  let from = 0;
  for (const [index, at] of times.entries()) {
    while ((times[from] ?? at) <= at - MINUTE) from += 1;
    most = Math.max(most, index - from + 1);
  }
  return most;
}

/** The requests that came before the time a 429 had asked to wait for was over. */
export function findEarlyRequests(requests: readonly LedgerRequest[], retryAfterMs: number): LedgerRequest[] {
  const rateLimited = requests.filter(({ status }) => status === 429);
  // What was on its way at the very moment of the answer could not know.
  return requests.filter(
    ({ api, at }) => api && rateLimited.some((rateLimit) => at > rateLimit.at && at < rateLimit.at + retryAfterMs),
  );
}

import { MINUTE } from "../../shared/time.ts";
import type { LedgerRequest } from "../../simulators/plane/test-controls.ts";

/** Counts the API requests that Plane received in the busiest 60 s. */
export function countBusiestMinute(requests: readonly LedgerRequest[]): number {
  const times = requests.filter(({ api }) => api).map(({ at }) => at);
  let maximum = 0;
  let from = 0;
  for (const [index, at] of times.entries()) {
    while ((times[from] ?? at) <= at - MINUTE) from += 1;
    maximum = Math.max(maximum, index - from + 1);
  }
  return maximum;
}

/** Finds requests that arrived before the Retry-After of a 429 had passed. */
export function findEarlyRequests(requests: readonly LedgerRequest[], retryAfterMs: number): LedgerRequest[] {
  const rateLimited = requests.filter(({ status }) => status === 429);
  // Requests at the very moment of the 429 were already on their way.
  return requests.filter(
    ({ api, at }) => api && rateLimited.some((rateLimit) => at > rateLimit.at && at < rateLimit.at + retryAfterMs),
  );
}

import { PlaneRateLimitedError } from "../../plane/errors.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { CallContext } from "./call-context.ts";
import { workKeys } from "./work-keys.ts";

/** One step of it takes less: a request's 30 s and its waiting. Whoever was cut off keeps the next one waiting so long. */
const LOCK_MS: Ms = MINUTE;

/** How often it is looked whether the other is through. */
const POLL_MS: Ms = 500;
const MAX_POLLS = 20;

/**
 * Does something that must not be done twice side by side: Plane's check of external ids is not atomic. Waits up to
 * 10 s for whoever is at it, then throws PlaneRateLimitedError with when to come back. `renew` is for between the steps
 * of something longer.
 * @param subject what the operation must not be done twice for, side by side
 */
export async function withLock<T>(
  context: CallContext,
  operation: "project" | "task" | "plan",
  subject: string,
  action: (renew: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { deps } = context;
  const key = workKeys.alone(`${operation}:${subject}`);
  const owner = deps.newId();
  const renew = async () => {
    for (let polls = 0; ; polls += 1) {
      const lease = await deps.store.lease(key, owner, LOCK_MS);
      if ("fence" in lease) {
        fence = lease.fence;
        return;
      }
      if (polls >= MAX_POLLS) throw createBusyError(operation, lease.until - (await deps.store.now()));
      await deps.wait(POLL_MS);
    }
  };
  let fence = 0;
  await renew();
  try {
    return await action(renew);
  } finally {
    await deps.store.release(key, fence);
  }
}

function createBusyError(operation: string, remaining: Ms): PlaneRateLimitedError {
  const retryAfter = Math.max(1_000, remaining);
  return new PlaneRateLimitedError(
    { operation, retryAfter },
    `Another call is making the same just now, or was cut off a moment ago: call again in ${Math.ceil(retryAfter / 1000)} s; nothing is made twice.`,
  );
}

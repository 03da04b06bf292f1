import { PlaneRateLimitedError } from "../../plane/errors.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { CallContext } from "./call-context.ts";
import { workKeys } from "./work-keys.ts";

/**
 * Timeout for a lock: 1 min, longer than one step (a request's 30 s plus waiting); an interrupted holder blocks so
 * long.
 */
const LOCK_MS: Ms = MINUTE;

/** Interval between attempts to take a lock; 20 attempts wait 10 s, as long as other waits of a call. */
const POLL_MS: Ms = 500;
const MAX_POLLS = 20;

/**
 * Runs an action that must not run twice concurrently, because Plane's check of external ids is not atomic. Waits up to
 * 10 s for the current holder, then throws PlaneRateLimitedError with when to retry. A longer action calls `renew`
 * between its steps.
 * @param subject what must not be processed twice concurrently, such as a project's name
 */
export async function withLock<T>(
  context: CallContext,
  operation: "project" | "task" | "plan" | "ticket",
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
    `Another call is doing the same, or was interrupted a moment ago. Call again in ${Math.ceil(retryAfter / 1000)} s; nothing is created twice.`,
  );
}

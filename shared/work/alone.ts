import { PlaneRateLimitedError } from "../plane/errors.ts";
import type { Ms } from "../store/port.ts";
import type { Acting } from "./acting.ts";
import { workKeys } from "./keys.ts";

/** One step of it takes less: a request's 30 s and its waiting. Whoever was cut off keeps the next one waiting so long. */
const STEP_MS: Ms = 60_000;

/** How often it is looked whether the other is through. */
const LOOK_MS: Ms = 500;
const LOOKS = 20;

/**
 * Does something that must not be done twice side by side: Plane's check of external ids is not atomic. Waits up to
 * 10 s for whoever is at it, then throws PlaneRateLimitedError with when to come back. `renew` is for between the steps
 * of something longer.
 */
export async function alone<T>(
  acting: Acting,
  what: string,
  act: (renew: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { deps } = acting;
  const key = workKeys.alone(what);
  const owner = deps.newId();
  const renew = async () => {
    for (let looks = 0; ; looks += 1) {
      const lease = await deps.store.lease(key, owner, STEP_MS);
      if ("fence" in lease) {
        fence = lease.fence;
        return;
      }
      if (looks >= LOOKS) throw busy(what, lease.until - (await deps.store.now()));
      await deps.wait(LOOK_MS);
    }
  };
  let fence = 0;
  await renew();
  try {
    return await act(renew);
  } finally {
    await deps.store.release(key, fence);
  }
}

function busy(what: string, left: Ms): PlaneRateLimitedError {
  const retryAfter = Math.max(1_000, left);
  return new PlaneRateLimitedError(
    { operation: what.split(":")[0] ?? "", retryAfter },
    `Another call is making the same just now, or was cut off a moment ago: call again in ${Math.ceil(retryAfter / 1000)} s; nothing is made twice.`,
  );
}

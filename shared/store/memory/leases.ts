import type { Ms } from "../../time.ts";
import { nextSequenceNumber } from "../engine.ts";
import type { StoreKey } from "../port.ts";
import { amortizeSweep } from "./amortize-sweep.ts";

interface Lease {
  owner: string;
  fence: number;
  /** 0 after a release. */
  until: Ms;
  /** Time until which the last fencing token is remembered. */
  forget: Ms;
}

export function createMemoryLeases({ clock, remember }: { clock: () => Ms; remember: Ms }) {
  const leases = new Map<StoreKey, Lease>();
  const sweep = amortizeSweep(leases, () => {
    for (const [key, lease] of leases) if (lease.forget <= clock()) leases.delete(key);
  });
  const isHeld = (key: StoreKey, fence: number) => {
    const lease = leases.get(key);
    return lease !== undefined && lease.fence === fence && lease.until > clock();
  };

  return {
    holds: isHeld,

    lease(key: StoreKey, owner: string, ttl: Ms) {
      sweep();
      const now = clock();
      const lease = leases.get(key);
      const isActive = lease !== undefined && lease.until > now;
      if (isActive && lease.owner !== owner) return { heldBy: lease.owner, until: lease.until };
      const fence = isActive ? lease.fence : nextSequenceNumber(lease?.fence ?? 0, now);
      leases.set(key, { owner, fence, until: now + ttl, forget: now + ttl + remember });
      return { fence, until: now + ttl };
    },

    release(key: StoreKey, fence: number): boolean {
      const lease = leases.get(key);
      if (!lease || !isHeld(key, fence)) return false;
      lease.until = 0;
      return true;
    },
  };
}

import { following } from "../counter.ts";
import type { Key, Ms } from "../port.ts";
import { nowAndThen } from "./sweep.ts";

interface Lease {
  owner: string;
  fence: number;
  /** 0 after a release. */
  until: Ms;
  /** The last fence is remembered until then. */
  forget: Ms;
}

export function memoryLeases({ clock, remember }: { clock: () => Ms; remember: Ms }) {
  const leases = new Map<Key, Lease>();
  const sweep = nowAndThen(leases, () => {
    for (const [key, lease] of leases) if (lease.forget <= clock()) leases.delete(key);
  });
  const holds = (key: Key, fence: number) => {
    const lease = leases.get(key);
    return lease !== undefined && lease.fence === fence && lease.until > clock();
  };

  return {
    holds,

    lease(key: Key, owner: string, ttl: Ms) {
      sweep();
      const now = clock();
      const lease = leases.get(key);
      const held = lease !== undefined && lease.until > now;
      if (held && lease.owner !== owner) return { heldBy: lease.owner, until: lease.until };
      const fence = held ? lease.fence : following(lease?.fence ?? 0, now);
      leases.set(key, { owner, fence, until: now + ttl, forget: now + ttl + remember });
      return { fence, until: now + ttl };
    },

    release(key: Key, fence: number): boolean {
      const lease = leases.get(key);
      if (!lease || !holds(key, fence)) return false;
      lease.until = 0;
      return true;
    },
  };
}

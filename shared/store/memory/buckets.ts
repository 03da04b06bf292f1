import type { Ms, Spend } from "../port.ts";
import { type Spent, windowWait } from "../window.ts";
import { nowAndThen } from "./sweep.ts";

interface Bucket {
  spent: (Spent & { gone: Ms })[];
  held: Ms;
}

export function memoryBuckets({ clock }: { clock: () => Ms }) {
  const buckets = new Map<string, Bucket>();
  const sweep = nowAndThen(buckets, () => {
    for (const [name, { spent, held }] of buckets) {
      if (held <= clock() && spent.every((entry) => entry.gone <= clock())) buckets.delete(name);
    }
  });
  function bucketOf(name: string): Bucket {
    const bucket = buckets.get(name) ?? { spent: [], held: 0 };
    buckets.set(name, bucket);
    return bucket;
  }

  function waitOf({ bucket: name, n, limit, window }: Spend): Ms {
    const now = clock();
    const bucket = bucketOf(name);
    bucket.spent = bucket.spent.filter((entry) => entry.gone > now);
    // The clock was set back: as if spent now, or it would count until the clock is there again.
    for (const entry of bucket.spent) {
      if (entry.at > now) Object.assign(entry, { at: now, gone: now + entry.gone - entry.at });
    }
    const inWindow = bucket.spent.filter((entry) => entry.at > now - window);
    return Math.max(0, bucket.held - now, windowWait(inWindow, n, limit, window, now));
  }

  return {
    spend(spends: Spend[]): Ms {
      sweep();
      const wait = Math.max(...spends.map(waitOf));
      if (wait > 0) return wait;
      const at = clock();
      for (const { bucket, n, window } of spends) if (n > 0) bucketOf(bucket).spent.push({ at, n, gone: at + window });
      return 0;
    },

    hold(name: string, wait: Ms) {
      const bucket = bucketOf(name);
      bucket.held = Math.max(bucket.held, clock() + wait);
    },
  };
}

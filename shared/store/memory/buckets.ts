import type { Ms } from "../port.ts";
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

  return {
    spend(name: string, n: number, limit: number, window: Ms): Ms {
      sweep();
      const now = clock();
      const bucket = bucketOf(name);
      bucket.spent = bucket.spent.filter((entry) => entry.gone > now);
      const inWindow = bucket.spent.filter((entry) => entry.at > now - window);
      const wait = Math.max(bucket.held - now, windowWait(inWindow, n, limit, window, now));
      if (wait > 0) return wait;
      if (n > 0) bucket.spent.push({ at: now, n, gone: now + window });
      return 0;
    },

    hold(name: string, wait: Ms) {
      const bucket = bucketOf(name);
      bucket.held = Math.max(bucket.held, clock() + wait);
    },
  };
}

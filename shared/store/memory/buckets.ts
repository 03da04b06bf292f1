import type { Ms } from "../../time.ts";
import type { BucketSpend } from "../port.ts";
import { computeWindowWait, type SpentEntry } from "../sliding-window.ts";
import { amortizeSweep } from "./amortize-sweep.ts";

interface Bucket {
  spent: (SpentEntry & { gone: Ms })[];
  held: Ms;
}

export function createMemoryBuckets({ clock }: { clock: () => Ms }) {
  const buckets = new Map<string, Bucket>();
  const sweep = amortizeSweep(buckets, () => {
    for (const [name, { spent, held }] of buckets) {
      if (held <= clock() && spent.every((entry) => entry.gone <= clock())) buckets.delete(name);
    }
  });
  function getBucket(name: string): Bucket {
    const bucket = buckets.get(name) ?? { spent: [], held: 0 };
    buckets.set(name, bucket);
    return bucket;
  }

  function computeWait({ bucket: name, n, limit, window }: BucketSpend): Ms {
    const now = clock();
    const bucket = getBucket(name);
    bucket.spent = bucket.spent.filter((entry) => entry.gone > now);
    // After the clock was set back, a future entry counts as spent now; else it would count until the clock has caught
    // up.
    for (const entry of bucket.spent) {
      if (entry.at > now) Object.assign(entry, { at: now, gone: now + entry.gone - entry.at });
    }
    const inWindow = bucket.spent.filter((entry) => entry.at > now - window);
    return Math.max(0, bucket.held - now, computeWindowWait(inWindow, n, limit, window, now));
  }

  return {
    spend(spends: BucketSpend[]): Ms {
      sweep();
      const wait = Math.max(...spends.map(computeWait));
      if (wait > 0) return wait;
      const at = clock();
      for (const { bucket, n, window } of spends) if (n > 0) getBucket(bucket).spent.push({ at, n, gone: at + window });
      return 0;
    },

    hold(name: string, wait: Ms) {
      const bucket = getBucket(name);
      bucket.held = Math.max(bucket.held, clock() + wait);
    },
  };
}

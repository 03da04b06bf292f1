import type { Ms } from "../../time.ts";
import type { BucketHold, BucketSpend } from "../bucket-operations.ts";
import { computeHoldWait, type HoldState, isHoldForgotten, mergeHolds } from "../hold.ts";
import { computeWindowWait, type SpentEntry, sumSpent } from "../sliding-window.ts";
import { amortizeSweep } from "./amortize-sweep.ts";

interface Bucket {
  spent: (SpentEntry & { gone: Ms })[];
  hold: HoldState;
}

export function createMemoryBuckets({ clock }: { clock: () => Ms }) {
  const buckets = new Map<string, Bucket>();
  const sweep = amortizeSweep(buckets, () => {
    for (const [name, { spent, hold }] of buckets) {
      if (isHoldForgotten(hold, clock()) && spent.every((entry) => entry.gone <= clock())) buckets.delete(name);
    }
  });
  function getBucket(name: string): Bucket {
    const bucket = buckets.get(name) ?? { spent: [], hold: { until: 0, probe: "none" } };
    if (isHoldForgotten(bucket.hold, clock())) bucket.hold = { until: 0, probe: "none" };
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
    return Math.max(computeHoldWait(bucket.hold, now), computeWindowWait(inWindow, n, limit, window, now));
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

    hold(name: string, wait: Ms, needsProbe: boolean) {
      const bucket = getBucket(name);
      bucket.hold = mergeHolds(bucket.hold, wait, needsProbe, clock());
    },

    limitHold(name: string, max: Ms): boolean {
      const bucket = getBucket(name);
      const until = clock() + max;
      if (bucket.hold.until <= until) return false;
      bucket.hold = { until, probe: "needed" };
      return true;
    },

    takeProbe({ bucket: name, n, window }: BucketSpend, lease: Ms): boolean {
      const now = clock();
      const bucket = getBucket(name);
      if (bucket.hold.probe === "none" || bucket.hold.until > now) return false;
      bucket.hold = { until: now + lease, probe: "sent" };
      bucket.spent.push({ at: now, n, gone: now + window });
      return true;
    },

    endProbe(name: string) {
      const bucket = getBucket(name);
      if (bucket.hold.probe === "sent") bucket.hold = { until: 0, probe: "none" };
    },

    countSpent(name: string, window: Ms): number {
      const now = clock();
      const spent = buckets.get(name)?.spent ?? [];
      return sumSpent(spent.filter(({ at, gone }) => gone > now && at > now - window));
    },

    listHolds(): BucketHold[] {
      return [...buckets]
        .filter(([, { hold }]) => !isHoldForgotten(hold, clock()))
        .map(([bucket, { hold }]) => ({ bucket, until: hold.until, needsProbe: hold.probe !== "none" }))
        .sort((a, b) => (a.bucket < b.bucket ? -1 : 1));
    },
  };
}

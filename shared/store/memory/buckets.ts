import type { Ms } from "../../time.ts";
import type { BucketPause, Consumption } from "../port.ts";
import {
  type ConsumedEntry,
  computePauseWait,
  computeWindowWait,
  isPauseForgotten,
  mergePauses,
  type PauseState,
  sumConsumed,
} from "../rate-limits.ts";
import { amortizeSweep } from "./amortize-sweep.ts";

interface Bucket {
  consumed: (ConsumedEntry & { expiresAt: Ms })[];
  pause: PauseState;
}

export function createMemoryBuckets({ clock }: { clock: () => Ms }) {
  const buckets = new Map<string, Bucket>();
  const sweep = amortizeSweep(buckets, () => {
    for (const [name, { consumed, pause }] of buckets) {
      if (isPauseForgotten(pause, clock()) && consumed.every((entry) => entry.expiresAt <= clock()))
        buckets.delete(name);
    }
  });
  function getBucket(name: string): Bucket {
    const bucket = buckets.get(name) ?? { consumed: [], pause: { until: 0, probe: "none" } };
    if (isPauseForgotten(bucket.pause, clock())) bucket.pause = { until: 0, probe: "none" };
    buckets.set(name, bucket);
    return bucket;
  }

  function computeWait({ bucket: name, n, limit, window }: Consumption): Ms {
    const now = clock();
    const bucket = getBucket(name);
    bucket.consumed = bucket.consumed.filter((entry) => entry.expiresAt > now);
    // After the clock was set back, a future entry counts as consumed now; else it would count until the clock has caught
    // up.
    for (const entry of bucket.consumed) {
      if (entry.at > now) Object.assign(entry, { at: now, expiresAt: now + entry.expiresAt - entry.at });
    }
    const inWindow = bucket.consumed.filter((entry) => entry.at > now - window);
    return Math.max(computePauseWait(bucket.pause, now), computeWindowWait(inWindow, n, limit, window, now));
  }

  return {
    consume(consumptions: Consumption[]): Ms {
      sweep();
      const wait = Math.max(...consumptions.map(computeWait));
      if (wait > 0) return wait;
      const at = clock();
      for (const { bucket, n, window } of consumptions)
        if (n > 0) getBucket(bucket).consumed.push({ at, n, expiresAt: at + window });
      return 0;
    },

    pause(name: string, wait: Ms, needsProbe: boolean) {
      const bucket = getBucket(name);
      bucket.pause = mergePauses(bucket.pause, wait, needsProbe, clock());
    },

    limitPause(name: string, max: Ms): boolean {
      const bucket = getBucket(name);
      const until = clock() + max;
      if (bucket.pause.until <= until) return false;
      bucket.pause = { until, probe: "needed" };
      return true;
    },

    takeProbe({ bucket: name, n, window }: Consumption, lease: Ms): boolean {
      const now = clock();
      const bucket = getBucket(name);
      if (bucket.pause.probe === "none" || bucket.pause.until > now) return false;
      bucket.pause = { until: now + lease, probe: "sent" };
      bucket.consumed.push({ at: now, n, expiresAt: now + window });
      return true;
    },

    endProbe(name: string) {
      const bucket = getBucket(name);
      if (bucket.pause.probe === "sent") bucket.pause = { until: 0, probe: "none" };
    },

    countConsumed(name: string, window: Ms): number {
      const now = clock();
      const consumed = buckets.get(name)?.consumed ?? [];
      return sumConsumed(consumed.filter(({ at, expiresAt }) => expiresAt > now && at > now - window));
    },

    listPauses(): BucketPause[] {
      return [...buckets]
        .filter(([, { pause }]) => !isPauseForgotten(pause, clock()))
        .map(([bucket, { pause }]) => ({ bucket, until: pause.until, needsProbe: pause.probe !== "none" }))
        .sort((a, b) => (a.bucket < b.bucket ? -1 : 1));
    },
  };
}

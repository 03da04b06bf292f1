import { checkCommit, checkKey, checkMs, checkName, checkSpend } from "./checked.ts";
import { following, PAGE, REMEMBER } from "./counter.ts";
import { memoryBuckets } from "./memory/buckets.ts";
import { memoryJobs } from "./memory/jobs.ts";
import { memoryKept } from "./memory/kept.ts";
import { memoryLeases } from "./memory/leases.ts";
import type { Key, Ms, Store } from "./port.ts";

interface MemoryStoreOptions {
  clock: () => Ms;
  /** How long the id of a done job and the last fence of a lease are remembered; default 2 days. */
  remember?: Ms;
}

/** The store as Maps: for tests, and for hosts where losing everything with the process is fine. */
export function memoryStore({ clock, remember = REMEMBER }: MemoryStoreOptions): Store {
  let last = 0;
  const next = () => {
    last = following(last, clock());
    return last;
  };
  const kept = memoryKept({ clock, next });
  const leases = memoryLeases({ clock, remember });
  const jobs = memoryJobs({ clock, next, remember });
  const buckets = memoryBuckets({ clock });

  let closed = false;
  const open = () => {
    if (closed) throw new Error("The store is closed.");
  };

  return {
    async now() {
      open();
      return clock();
    },
    async read<T>(keys: Key[]) {
      open();
      return keys.map((key) => kept.get<T>(key));
    },
    async scan(set, after, limit = PAGE) {
      open();
      return kept.scan(set, after, limit);
    },
    async count(set) {
      open();
      return kept.count(set);
    },
    async commit(commit) {
      open();
      const { expect, fence, puts, jobs: added } = checkCommit(commit);
      if (fence && !leases.holds(...fence)) return "fenced";
      if (expect.some(([key, rev]) => kept.rev(key) !== rev)) return "stale";
      kept.put(puts);
      jobs.add(added);
      return "kept";
    },
    async lease(key, owner, ttl) {
      open();
      return leases.lease(checkKey(key), checkName("lease owner", owner), checkMs("ttl", ttl));
    },
    async release(key, fence) {
      open();
      return leases.release(key, fence);
    },
    async take(queue, ttl, max) {
      open();
      return jobs.take(queue, checkMs("ttl", ttl), max);
    },
    async settle(job, how) {
      open();
      return jobs.settle(job, how);
    },
    async dead(queue, limit = PAGE) {
      open();
      return jobs.dead(queue, limit);
    },
    async replay(queue, id) {
      open();
      return jobs.replay(queue, id);
    },
    async spend(bucket, n, limit, window) {
      open();
      return buckets.spend([checkSpend({ bucket, n, limit, window })]);
    },
    async spendAll(spends) {
      open();
      return buckets.spend(spends.map(checkSpend));
    },
    async hold(bucket, wait) {
      open();
      buckets.hold(checkName("bucket", bucket), checkMs("wait", wait));
    },
    async stats() {
      open();
      return jobs.stats();
    },
    async close() {
      closed = true;
    },
  };
}

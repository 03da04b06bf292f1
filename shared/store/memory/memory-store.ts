import type { Ms } from "../../time.ts";
import {
  applyCommit,
  checkCommit,
  checkConsumption,
  checkKey,
  checkMs,
  checkName,
  createValueReads,
  DEFAULT_PAGE_SIZE,
  nextSequenceNumber,
  RETENTION,
} from "../engine.ts";
import type { Store } from "../port.ts";
import { createMemoryBuckets } from "./buckets.ts";
import { createMemoryJobs } from "./jobs.ts";
import { createMemoryLeases } from "./leases.ts";
import { createMemoryValues } from "./values.ts";

interface MemoryStoreOptions {
  clock: () => Ms;
  /** Retention of the ids of done jobs and of the last fencing token of a lease; default 2 days. */
  remember?: Ms;
}

/** Creates a store in memory: for tests, and for hosts where losing all data with the process is acceptable. */
export function createMemoryStore({ clock, remember = RETENTION }: MemoryStoreOptions): Store {
  let last = 0;
  const next = () => {
    last = nextSequenceNumber(last, clock());
    return last;
  };
  const values = createMemoryValues({ clock, next });
  const leases = createMemoryLeases({ clock, remember });
  const jobs = createMemoryJobs({ clock, next, remember });
  const buckets = createMemoryBuckets({ clock });

  let closed = false;
  const assertOpen = () => {
    if (closed) throw new Error("The store is closed.");
  };

  return {
    ...createValueReads(values, clock, assertOpen),
    async commit(commit) {
      assertOpen();
      return applyCommit({ values, leases, jobs }, checkCommit(commit));
    },
    async lease(key, owner, ttl) {
      assertOpen();
      return leases.lease(checkKey(key), checkName("lease owner", owner), checkMs("ttl", ttl));
    },
    async release(key, fence) {
      assertOpen();
      return leases.release(key, fence);
    },
    async take(queue, ttl, max) {
      assertOpen();
      return jobs.take(queue, checkMs("ttl", ttl), max);
    },
    async acknowledge(job, jobResult) {
      assertOpen();
      return jobs.acknowledge(job, jobResult);
    },
    async advanceRetries(queue, latest) {
      assertOpen();
      return jobs.advanceRetries(queue, checkMs("latest", latest));
    },
    async listDeadJobs(queue, limit = DEFAULT_PAGE_SIZE) {
      assertOpen();
      return jobs.dead(queue, limit);
    },
    async replay(queue, id) {
      assertOpen();
      return jobs.replay(queue, id);
    },
    async discard(queue, id) {
      assertOpen();
      return jobs.discard(queue, id);
    },
    async consume(bucket, n, limit, window) {
      assertOpen();
      return buckets.consume([checkConsumption({ bucket, n, limit, window })]);
    },
    async consumeAll(consumptions) {
      assertOpen();
      return buckets.consume(consumptions.map(checkConsumption));
    },
    async pause(bucket, wait, needsProbe = false) {
      assertOpen();
      buckets.pause(checkName("bucket", bucket), checkMs("wait", wait), needsProbe);
    },
    async limitPause(bucket, max) {
      assertOpen();
      return buckets.limitPause(checkName("bucket", bucket), checkMs("max", max));
    },
    async takeProbe(spend, lease) {
      assertOpen();
      return buckets.takeProbe(checkConsumption(spend), checkMs("lease", lease));
    },
    async endProbe(bucket) {
      assertOpen();
      buckets.endProbe(checkName("bucket", bucket));
    },
    async countConsumed(bucket, window) {
      assertOpen();
      return buckets.countConsumed(checkName("bucket", bucket), checkMs("window", window));
    },
    async listPauses() {
      assertOpen();
      return buckets.listPauses();
    },
    async stats() {
      assertOpen();
      return jobs.stats();
    },
    async trim(set, keep, max) {
      assertOpen();
      return values.trim(set, keep, max);
    },
    reclaimSpace: async () => false,
    readCapacity: async () => ({}),
    async close() {
      closed = true;
    },
  };
}

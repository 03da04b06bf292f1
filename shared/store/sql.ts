import { checkCommit, checkKey, checkMs, checkName, checkSpend } from "./checked.ts";
import { PAGE, REMEMBER } from "./counter.ts";
import type { Key, Ms, Store } from "./port.ts";
import { sqlBuckets } from "./sql/buckets.ts";
import { sqlCounter } from "./sql/counter.ts";
import { sqlDead } from "./sql/dead.ts";
import type { SqlDriver } from "./sql/driver.ts";
import { groupCommit } from "./sql/group.ts";
import { sqlJobs } from "./sql/jobs.ts";
import { sqlKept } from "./sql/kept.ts";
import { sqlLeases } from "./sql/leases.ts";
import { createTables } from "./sql/schema.ts";

/** So many rows of each kind that have run out are forgotten for each change: more than one change can add. */
const SWEEP = 50;

interface SqlStoreOptions {
  clock: () => Ms;
  /** How long the id of a done job and the last fence of a lease are remembered; default 2 days. */
  remember?: Ms;
  /**
   * True when whoever had the database before is gone for certain: its taken jobs can be taken again at once.
   * Claim leases stay, because their owners may still be at work.
   */
  alone?: boolean;
}

/** The store in portable SQL. Throws when the tables cannot be made; the driver is then still open. */
export function sqlStore(driver: SqlDriver, { clock, remember = REMEMBER, alone = false }: SqlStoreOptions): Store {
  const { next, save, forget } = sqlCounter(driver, clock);
  const kept = sqlKept({ driver, clock, next });
  const leases = sqlLeases({ driver, clock, remember });
  const jobs = sqlJobs({ driver, clock, next, remember });
  const dead = sqlDead({ driver, clock, jobs });
  const buckets = sqlBuckets({ driver, clock });
  const group = groupCommit({ ...driver, transaction });
  let closed = false;
  let changes = 0;

  driver.transaction(() => {
    createTables(driver);
    if (alone) jobs.voidLeases();
  });

  function open() {
    if (closed) throw new Error("The store is closed.");
  }

  function change<T>(work: () => T): Promise<T> {
    open();
    return group.queue(work);
  }

  /**
   * What need not wait for the disk, because losing it together with the machine is what an end just before it would
   * have been: jobs taken by nobody, a job worked but not settled, a quota that a start of the machine outlasts.
   */
  function laxChange<T>(work: () => T): Promise<T> {
    open();
    return group.queue(work, true);
  }

  /** What each change of a group would do for itself is done once for all of them. */
  function transaction(run: () => void, isLax?: boolean) {
    changes = 0;
    try {
      driver.transaction(() => {
        run();
        if (changes > 0) for (const part of [kept, leases, jobs, buckets]) part.sweep(SWEEP * changes);
        save();
      }, isLax);
    } catch (error) {
      forget();
      throw error;
    }
  }

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
      const { expect, fence, puts, jobs: added } = checkCommit(commit);
      return change(() => {
        if (fence && !leases.holds(...fence)) return "fenced";
        if (expect.some(([key, rev]) => kept.rev(key) !== rev)) return "stale";
        changes += 1;
        kept.put(puts);
        jobs.add(added);
        return "kept";
      });
    },
    async lease(key, owner, ttl) {
      const [checkedKey, checkedOwner, checkedTtl] = [
        checkKey(key),
        checkName("lease owner", owner),
        checkMs("ttl", ttl),
      ];
      return change(() => leases.lease(checkedKey, checkedOwner, checkedTtl));
    },
    async release(key, fence) {
      return change(() => leases.release(key, fence));
    },
    async take(queue, ttl, max) {
      const length = checkMs("ttl", ttl);
      return laxChange(() => {
        changes += 1;
        return jobs.take(queue, length, max);
      });
    },
    async settle(job, how) {
      const checked = "retryAt" in how ? { ...how, retryAt: checkMs("retryAt", how.retryAt) } : how;
      return laxChange(() => jobs.settle(job, checked));
    },
    async dead(queue, limit = PAGE) {
      open();
      return dead.dead(queue, limit);
    },
    async replay(queue, id) {
      return change(() => dead.replay(queue, id));
    },
    async spend(bucket, n, limit, window) {
      const spend = checkSpend({ bucket, n, limit, window });
      return laxChange(() => buckets.spend([spend]));
    },
    async spendAll(spends) {
      const checked = spends.map(checkSpend);
      return laxChange(() => buckets.spend(checked));
    },
    async hold(bucket, wait) {
      const [name, length] = [checkName("bucket", bucket), checkMs("wait", wait)];
      return laxChange(() => buckets.hold(name, length));
    },
    async stats() {
      open();
      return dead.stats();
    },
    async close() {
      if (closed) return;
      closed = true;
      group.flushAll();
      driver.close();
    },
  };
}

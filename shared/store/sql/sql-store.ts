import { omitUndefined } from "../../omit-undefined.ts";
import type { Ms } from "../../time.ts";
import { checkCommit, checkKey, checkMs, checkName, checkSpend } from "../check-commit.ts";
import type { Store } from "../port.ts";
import { DEFAULT_PAGE_SIZE, RETENTION } from "../sequence.ts";
import { applyCommit, createValueReads } from "../value-operations.ts";
import { createSqlBuckets } from "./buckets.ts";
import { createSqlDeadJobs } from "./dead-jobs.ts";
import type { SqlDriver } from "./driver.ts";
import { createGroupCommit } from "./group-commit.ts";
import { createSqlJobs } from "./jobs.ts";
import { createSqlLeases } from "./leases.ts";
import { createSqlTables } from "./schema.ts";
import { createSqlSequence } from "./sequence.ts";
import { shiftTimesAfterClockSetBack } from "./shift-times.ts";
import { createSqlValues } from "./values.ts";

/** Limit of expired rows deleted per table and change: 50, more than one change usually adds. */
const SWEEP_BATCH = 50;

interface SqlStoreOptions {
  clock: () => Ms;
  /** Retention of the ids of done jobs and of the last fencing token of a lease; default 2 days. */
  remember?: Ms;
  /**
   * True when no other process can be using the database: taken jobs can then be taken again at once, and stored times
   * are moved when the clock was set back. Leases stay, because agents that hold a claim may still be working.
   */
  alone?: boolean;
}

/** Creates the store in portable SQL. Throws when the tables cannot be created; the driver then stays open. */
export function createSqlStore(
  driver: SqlDriver,
  { clock, remember = RETENTION, alone = false }: SqlStoreOptions,
): Store {
  const { next, save, forget } = createSqlSequence(driver, clock);
  const values = createSqlValues({ driver, clock, next });
  const leases = createSqlLeases({ driver, clock, remember });
  const jobs = createSqlJobs({ driver, clock, next, remember });
  const deadJobs = createSqlDeadJobs({ driver, clock, jobs });
  const buckets = createSqlBuckets({ driver, clock });
  const group = createGroupCommit({ ...driver, transaction });
  let closed = false;
  let changes = 0;

  driver.transaction(() => {
    createSqlTables(driver);
    if (!alone) return;
    shiftTimesAfterClockSetBack(driver, clock);
    jobs.voidLeases();
  });

  function assertOpen() {
    if (closed) throw new Error("The store is closed.");
  }

  function queueDurableChange<T>(work: () => T): Promise<T> {
    assertOpen();
    return group.queue(work);
  }

  /**
   * Queues a change that need not wait for the disk. Losing it when the machine fails has the same effect as a failure
   * just before it: a job is not taken yet, a handled job is not settled yet, or the spending of a quota is forgotten,
   * whose window is over when the machine has restarted.
   */
  function queueLaxChange<T>(work: () => T): Promise<T> {
    assertOpen();
    return group.queue(work, true);
  }

  /** Sweeps and saves the sequence once for a whole group instead of once per change. */
  function transaction(run: () => void, isLax?: boolean) {
    changes = 0;
    try {
      driver.transaction(() => {
        run();
        if (changes > 0) for (const part of [values, leases, jobs, buckets]) part.sweep(SWEEP_BATCH * changes);
        save();
      }, isLax);
    } catch (error) {
      forget();
      throw error;
    }
  }

  return {
    ...createValueReads(values, clock, assertOpen),
    async commit(commit) {
      const checked = checkCommit(commit);
      return queueDurableChange(() => {
        const outcome = applyCommit({ values, leases, jobs }, checked);
        if (outcome === "kept") changes += 1;
        return outcome;
      });
    },
    async lease(key, owner, ttl) {
      const [checkedKey, checkedOwner, checkedTtl] = [
        checkKey(key),
        checkName("lease owner", owner),
        checkMs("ttl", ttl),
      ];
      return queueDurableChange(() => leases.lease(checkedKey, checkedOwner, checkedTtl));
    },
    async release(key, fence) {
      return queueDurableChange(() => leases.release(key, fence));
    },
    async take(queue, ttl, max) {
      const length = checkMs("ttl", ttl);
      return queueLaxChange(() => {
        changes += 1;
        return jobs.take(queue, length, max);
      });
    },
    async settle(job, settlement) {
      const checked =
        "retryAt" in settlement ? { ...settlement, retryAt: checkMs("retryAt", settlement.retryAt) } : settlement;
      return queueLaxChange(() => jobs.settle(job, checked));
    },
    async advanceRetries(queue, latest) {
      const at = checkMs("latest", latest);
      return queueDurableChange(() => jobs.advanceRetries(queue, at));
    },
    async listDeadJobs(queue, limit = DEFAULT_PAGE_SIZE) {
      assertOpen();
      return deadJobs.dead(queue, limit);
    },
    async replay(queue, id) {
      return queueDurableChange(() => deadJobs.replay(queue, id));
    },
    async discard(queue, id) {
      return queueDurableChange(() => deadJobs.discard(queue, id));
    },
    async spend(bucket, n, limit, window) {
      const spend = checkSpend({ bucket, n, limit, window });
      return queueLaxChange(() => buckets.spend([spend]));
    },
    async spendAll(spends) {
      const checked = spends.map(checkSpend);
      return queueLaxChange(() => buckets.spend(checked));
    },
    async hold(bucket, wait, needsProbe = false) {
      const [name, length] = [checkName("bucket", bucket), checkMs("wait", wait)];
      return queueLaxChange(() => buckets.hold(name, length, needsProbe));
    },
    async limitHold(bucket, max) {
      const [name, length] = [checkName("bucket", bucket), checkMs("max", max)];
      return queueDurableChange(() => buckets.limitHold(name, length));
    },
    async takeProbe(spend, lease) {
      const [checked, length] = [checkSpend(spend), checkMs("lease", lease)];
      return queueLaxChange(() => buckets.takeProbe(checked, length));
    },
    async endProbe(bucket) {
      const name = checkName("bucket", bucket);
      return queueLaxChange(() => buckets.endProbe(name));
    },
    async countSpent(bucket, window) {
      assertOpen();
      return buckets.countSpent(checkName("bucket", bucket), checkMs("window", window));
    },
    async listHolds() {
      assertOpen();
      return buckets.listHolds();
    },
    async stats() {
      assertOpen();
      return deadJobs.stats();
    },
    // Trimming need not survive a failure of the machine, because the next run trims again.
    trim: async (set, keep, max) => queueLaxChange(() => values.trim(set, keep, max)),
    reclaimSpace: () =>
      new Promise((resolve, reject) => {
        // Requests are handled between two steps.
        driver.soon(() => {
          try {
            assertOpen();
            resolve(driver.reclaimSpace?.() ?? false);
          } catch (error) {
            reject(error);
          }
        });
      }),
    async readCapacity() {
      assertOpen();
      return driver.readCapacity?.() ?? {};
    },
    ...omitUndefined({ saveCopy: driver.saveCopy }),
    async close() {
      if (closed) return;
      closed = true;
      group.flushAll();
      driver.close();
    },
  };
}

/**
 * The store on SQL: on a file with Node's SQLite and in a Durable Object. This module has its values, leases and the
 * sequence of revisions; jobs and buckets are beside it.
 */

import { omitUndefined } from "../../omit-undefined.ts";
import { type Ms, SECOND } from "../../time.ts";
import { type CheckedCommit, type CheckedPut, createStore, nextSequenceNumber, RETENTION } from "../engine.ts";
import type { Revision, ScanPage, SetName, Store, StoredRow, StoredValue, StoreKey } from "../port.ts";
import { createSqlBuckets } from "./buckets.ts";
import {
  createGroupCommit,
  createSqlTables,
  type SqlDriver,
  type SqlParts,
  shiftTimesAfterClockSetBack,
  sweepTables,
} from "./database.ts";
import { createSqlJobs } from "./jobs.ts";

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

/** Interval until the next sweep: 10 s, or 100 ms after one that found something, as under load. */
const SWEEP_INTERVAL: Ms = 10 * SECOND;

const BUSY_SWEEP_INTERVAL: Ms = 100;

/** Limit of expired rows deleted per table and sweep: 1,000, more than are added within 100 ms. */
const SWEEP_BATCH = 1_000;

const NOT_EXPIRED = "(expires IS NULL OR expires > ?)";

/** Creates the store in portable SQL. Throws when the tables cannot be created; the driver then stays open. */
export function createSqlStore(
  driver: SqlDriver,
  { clock, remember = RETENTION, alone = false }: SqlStoreOptions,
): Store {
  const exec: SqlParts["exec"] = <Row>(...statement: Parameters<SqlDriver["exec"]>) =>
    driver.exec(...statement) as Row[];
  const { next, save, forget } = createSqlSequence({ exec, clock });
  const parts = { exec, clock, next, remember };
  const [values, leases, jobs] = [createSqlValues(parts), createSqlLeases(parts), createSqlJobs(parts)];
  const buckets = createSqlBuckets(parts);
  const group = createGroupCommit({ soon: driver.soon, transaction });
  let nextSweepAt = 0;

  driver.transaction(() => {
    createSqlTables(driver);
    if (!alone) return;
    shiftTimesAfterClockSetBack(parts);
    jobs.voidLeases();
  });

  /** Sweeps and saves the sequence once for a whole group instead of once per change. */
  function transaction(run: () => void, isLax?: boolean) {
    try {
      driver.transaction(() => {
        run();
        if (clock() >= nextSweepAt) sweep();
        save();
      }, isLax);
    } catch (error) {
      forget();
      throw error;
    }
  }

  function sweep() {
    const hasDeleted = [values.sweep(SWEEP_BATCH) > 0, sweepTables(parts, SWEEP_BATCH)].includes(true);
    nextSweepAt = clock() + (hasDeleted ? BUSY_SWEEP_INTERVAL : SWEEP_INTERVAL);
  }

  function commit({ expect, fence, puts, jobs: added }: CheckedCommit) {
    if (fence && !leases.holds(...fence)) return "fenced";
    if (expect.some(([key, rev]) => values.rev(key) !== rev)) return "stale";
    values.put(puts);
    jobs.add(added);
    return "committed";
  }

  const change =
    (isLax: boolean) =>
    <Arguments extends unknown[], Result>(run: (...args: Arguments) => Result) =>
    (...args: Arguments): Promise<Result> =>
      group.queue(() => run(...args), isLax);

  const durable = change(false);

  /**
   * A change that need not wait for the disk. Losing it when the machine fails has the same effect as a failure just
   * before it: a job is not taken yet, a handled job is not acknowledged yet, or the consumption of a quota is
   * forgotten, whose window is over when the machine has restarted.
   */
  const lax = change(true);

  return createStore({
    now: async () => clock(),
    read: async (keys) => keys.map((key) => values.get(key)),
    scan: async (set, after, limit) => values.scan(set, after, limit),
    count: async (set) => values.count(set),
    commit: durable(commit),
    lease: durable(leases.lease),
    release: durable(leases.release),
    take: lax(jobs.take),
    acknowledge: lax(jobs.acknowledge),
    advanceRetries: durable(jobs.advanceRetries),
    listDeadJobs: async (queue, limit) => jobs.listDead(queue, limit),
    replay: durable(jobs.replay),
    discard: durable(jobs.discard),
    consumeAll: lax(buckets.consume),
    pause: lax(buckets.pause),
    limitPause: durable(buckets.limitPause),
    takeProbe: lax(buckets.takeProbe),
    endProbe: lax(buckets.endProbe),
    countConsumed: async (bucket, window) => buckets.countConsumed(bucket, window),
    listPauses: async () => buckets.listPauses(),
    stats: async () => jobs.readStats(),
    // Trimming need not survive a failure of the machine, because the next run trims again.
    trim: lax(values.trim),
    // Requests are handled between two steps.
    async reclaimSpace() {
      await new Promise<void>((resolve) => driver.soon(resolve));
      return driver.reclaimSpace?.() ?? false;
    },
    readCapacity: async () => driver.readCapacity?.() ?? {},
    ...omitUndefined({ saveCopy: driver.saveCopy, findDamage: driver.findDamage }),
    async close() {
      group.flushAll();
      driver.close();
    },
  });
}

function createSqlValues({ exec, clock, next }: SqlParts) {
  function deleteKey(key: StoreKey) {
    exec("DELETE FROM member WHERE key = ?", key);
    exec("DELETE FROM record WHERE key = ?", key);
  }

  return {
    get<T>(key: StoreKey): StoredValue<T> | undefined {
      const [row] = exec<ValueRow>(`SELECT value, rev FROM record WHERE key = ? AND ${NOT_EXPIRED}`, key, clock());
      return row && { value: JSON.parse(row.value), rev: row.rev };
    },

    rev(key: StoreKey): Revision {
      const sql = `SELECT rev FROM record WHERE key = ? AND ${NOT_EXPIRED}`;
      return exec<{ rev: Revision }>(sql, key, clock())[0]?.rev ?? 0;
    },

    scan<T>(set: SetName, after: string | undefined, limit: number): ScanPage<T> {
      const found = exec<ValueRow & { key: StoreKey }>(
        `SELECT record.key, record.value, record.rev FROM member JOIN record ON record.key = member.key
         WHERE member.name = ? AND member.key > ? AND (member.expires IS NULL OR member.expires > ?)
         ORDER BY member.key LIMIT +?`,
        ...[set, after ?? "", clock(), limit + 1],
      );
      const rows = found.slice(0, limit).map((row): StoredRow<T> => ({ ...row, value: JSON.parse(row.value) }));
      const last = rows.at(-1);
      return found.length > limit && last ? { rows, next: last.key } : { rows };
    },

    count: (set: SetName): number =>
      exec<{ n: number }>(`SELECT count(*) AS n FROM member WHERE name = ? AND ${NOT_EXPIRED}`, set, clock())[0]?.n ??
      0,

    trim(set: SetName, keep: number, max: number): number {
      // Counts no more keys than it deletes, so that a step takes the same time however large the set is.
      const [{ n: excess } = { n: 0 }] = exec<{ n: number }>(
        `SELECT count(*) AS n FROM
           (SELECT 1 FROM member WHERE name = ? AND ${NOT_EXPIRED} ORDER BY key LIMIT +? OFFSET +?)`,
        ...[set, clock(), max, keep],
      );
      if (excess === 0) return 0;
      const keys = exec<{ key: StoreKey }>(
        `SELECT key FROM member WHERE name = ? AND ${NOT_EXPIRED} ORDER BY key DESC LIMIT +?`,
        ...[set, clock(), excess],
      );
      for (const { key } of keys) deleteKey(key);
      return excess;
    },

    put(puts: CheckedPut[]) {
      if (puts.length === 0) return;
      const rev = next();
      for (const { key, text, sets, expires } of puts) {
        deleteKey(key);
        if (text === undefined) continue;
        const until = expires === undefined ? null : clock() + expires;
        exec("INSERT INTO record (key, value, rev, expires) VALUES (?, ?, ?, ?)", key, text, rev, until);
        for (const name of sets) {
          exec("INSERT INTO member (name, key, expires) VALUES (?, ?, ?)", name, key, until);
        }
      }
    },

    /** Deletes at most `limit` expired keys and returns their number. */
    sweep(limit: number): number {
      const rows = exec<{ key: StoreKey }>("SELECT key FROM record WHERE expires <= ? LIMIT +?", clock(), limit);
      for (const { key } of rows) deleteKey(key);
      return rows.length;
    },
  };
}

interface ValueRow {
  value: string;
  rev: Revision;
}

function createSqlLeases({ exec, clock, remember }: SqlParts) {
  const holds = (key: StoreKey, fence: number) =>
    exec("SELECT 1 FROM lease WHERE key = ? AND fence = ? AND until > ?", key, fence, clock()).length > 0;

  return {
    holds,

    lease(key: StoreKey, owner: string, ttl: Ms) {
      const now = clock();
      type Lease = { owner: string; fence: number; until: Ms };
      const [row] = exec<Lease>("SELECT owner, fence, until FROM lease WHERE key = ?", key);
      const isActive = row !== undefined && row.until > now;
      if (isActive && row.owner !== owner) return { heldBy: row.owner, until: row.until };
      const last = row?.fence ?? 0;
      const fence = isActive ? last : nextSequenceNumber(last, now);
      const until = now + ttl;
      exec(
        "INSERT OR REPLACE INTO lease (key, owner, fence, until, forget) VALUES (?, ?, ?, ?, ?)",
        ...[key, owner, fence, until, until + remember],
      );
      return { fence, until };
    },

    release(key: StoreKey, fence: number): boolean {
      if (!holds(key, fence)) return false;
      exec("UPDATE lease SET until = 0 WHERE key = ?", key);
      return true;
    },
  };
}

/** The store's sequence of numbers. A transaction reads and writes it once, however many numbers it uses. */
export function createSqlSequence({ exec, clock }: Pick<SqlParts, "exec" | "clock">) {
  let last: number | undefined;
  let saved: number | undefined;

  return {
    next(): number {
      last ??= saved = exec<{ last: number }>("SELECT last FROM counter")[0]?.last ?? 0;
      last = nextSequenceNumber(last, clock());
      return last;
    },

    /** Writes the last used number and the time; called at the end of a transaction. */
    save() {
      if (last !== saved && last !== undefined) exec("UPDATE counter SET last = ?, at = ?", last, clock());
      saved = last;
    },

    /** Discards the cached number after a rollback, so that it is read from the table again. */
    forget() {
      last = saved = undefined;
    },
  };
}

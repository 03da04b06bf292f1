/**
 * What the SQL engine needs of a database, its tables, transactions that several calls share, and the correction of
 * stored times after the clock was set back. Also a store on its way between two engines, one row after the other: a
 * backup has the rows in a database of SQLite, whatever the engine; a Durable Object sends and receives them as a JSON
 * array with one row in each line.
 */

import { z } from "zod";
import { tryParseJson } from "../../text.ts";
import { DAY, type Ms, SECOND } from "../../time.ts";
import type { StoreCapacity } from "../port.ts";
import { createOlderFormatError, isRestoredRecord, STORE_FORMAT_KEY } from "../store-format.ts";

/**
 * The synchronous database functions that the SQL engine needs; node:sqlite and the SQLite of Durable Objects provide
 * them.
 */
export interface SqlDriver {
  /**
   * Runs one statement; each `?` stands for a parameter, in order. As a limit it is written `+?`, because SQLite plans
   * a statement with a plain one anew whenever it runs, which takes ten times as long.
   */
  exec(sql: string, ...params: SqlValue[]): SqlRow[];
  /**
   * Runs `run` in a transaction, which is rolled back when it throws. Returns when the transaction is durable. With
   * `isLax` it may return as soon as the transaction survives the end of the process: a failure of the machine may lose
   * it, but then all later transactions are lost as well.
   */
  transaction(run: () => void, isLax?: boolean): void;
  /** Calls `run` soon, after all work of the present turn of the event loop has been queued. */
  soon(run: () => void): void;
  /** Gives space of deleted rows back to the file system in one short step; see `Store.reclaimSpace`. */
  reclaimSpace?(): boolean;
  readCapacity?(): StoreCapacity;
  /** See `Store.saveCopy`. */
  saveCopy?(): Promise<string>;
  /** See `Store.findDamage`. */
  findDamage?(): Promise<string | undefined>;
  close(): void;
}

type SqlValue = string | number | null;

export type SqlRow = Record<string, unknown>;

/** What the parts of the engine share. */
export interface SqlParts {
  /** Runs a statement on the engine's own tables, whose rows have this form. */
  exec: <Row>(sql: string, ...params: SqlValue[]) => Row[];
  clock: () => Ms;
  /** Returns the next number of the store's sequence. */
  next: () => number;
  /** Retention of the ids of done jobs and of the last fencing token of a lease. */
  remember: Ms;
}

interface QueuedWork {
  isLax: boolean;
  run(): () => void;
  reject(reason: unknown): void;
}

export type SavedRow = z.output<typeof savedRowSchema>;

type Exec = Pick<SqlDriver, "exec">;

/** The table of records up to format 1 of the store. */
const OLD_TABLE = "kept";

/** Plain SQLite without PRAGMA and BEGIN, which Durable Objects do not allow. Times are store times in milliseconds. */
const TABLES = [
  // The last used number of the sequence, so that no number is used again, and the store time when it was saved.
  `CREATE TABLE IF NOT EXISTS counter (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL,
     at INTEGER NOT NULL DEFAULT 0)`,
  "INSERT OR IGNORE INTO counter (one, last) VALUES (1, 0)",

  "CREATE TABLE IF NOT EXISTS record (key TEXT PRIMARY KEY, value TEXT NOT NULL, rev INTEGER NOT NULL, expires INTEGER)",
  "CREATE INDEX IF NOT EXISTS record_expires ON record (expires) WHERE expires IS NOT NULL",

  // `expires` repeats that of the key, so that counting does not read the values.
  `CREATE TABLE IF NOT EXISTS member (name TEXT NOT NULL, key TEXT NOT NULL, expires INTEGER,
     PRIMARY KEY (name, key)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS member_key ON member (key)",

  // A released lease stays with `until` 0, because its fencing token must be remembered until `forget`.
  `CREATE TABLE IF NOT EXISTS lease (key TEXT PRIMARY KEY, owner TEXT NOT NULL, fence INTEGER NOT NULL,
     until INTEGER NOT NULL, forget INTEGER NOT NULL) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS lease_forget ON lease (forget)",

  `CREATE TABLE IF NOT EXISTS job (seq INTEGER PRIMARY KEY, queue TEXT NOT NULL, id TEXT NOT NULL, lane TEXT NOT NULL,
     at INTEGER NOT NULL, body TEXT NOT NULL, tries INTEGER NOT NULL, token TEXT,
     failures INTEGER NOT NULL DEFAULT 0)`,
  "CREATE UNIQUE INDEX IF NOT EXISTS job_id ON job (queue, id)",
  "CREATE INDEX IF NOT EXISTS job_lane ON job (queue, lane, seq)",

  // One row per lane that has jobs; `head` is its first job, `due` the time when that job may be taken.
  `CREATE TABLE IF NOT EXISTS lane (queue TEXT NOT NULL, lane TEXT NOT NULL, head INTEGER NOT NULL, due INTEGER NOT NULL,
     PRIMARY KEY (queue, lane)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS lane_due ON lane (queue, due, head)",

  `CREATE TABLE IF NOT EXISTS done (queue TEXT NOT NULL, id TEXT NOT NULL, forget INTEGER NOT NULL,
     PRIMARY KEY (queue, id)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS done_forget ON done (forget)",

  // `reason` is JSON text, because an error message may contain characters that SQLite text cannot store.
  `CREATE TABLE IF NOT EXISTS dead (seq INTEGER PRIMARY KEY, queue TEXT NOT NULL, id TEXT NOT NULL, lane TEXT NOT NULL,
     body TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL)`,
  "CREATE UNIQUE INDEX IF NOT EXISTS dead_id ON dead (queue, id)",
  "CREATE INDEX IF NOT EXISTS dead_queue ON dead (queue, seq)",

  "CREATE TABLE IF NOT EXISTS consumed (bucket TEXT NOT NULL, at INTEGER NOT NULL, n INTEGER NOT NULL, expires INTEGER NOT NULL)",
  "CREATE INDEX IF NOT EXISTS consumed_bucket ON consumed (bucket, at)",
  "CREATE INDEX IF NOT EXISTS consumed_expires ON consumed (expires)",

  `CREATE TABLE IF NOT EXISTS pause (bucket TEXT PRIMARY KEY, until INTEGER NOT NULL,
     probe TEXT NOT NULL DEFAULT 'none') WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS pause_until ON pause (until)",
];

/** Tables of work under way: jobs, failed jobs, leases, and the use of rate limits. A restored store has none of it. */
export const WORK_TABLES = ["job", "lane", "dead", "lease", "consumed", "pause"] as const;

/** Limit of work items in one transaction: 500, so that one flush does not block the process for long. */
const MAX_GROUP_SIZE = 500;

/** Retention of a pause whose probe was never sent: 1 day, after which nothing is known about the bucket. */
export const UNUSED_PROBE_RETENTION: Ms = DAY;

/** Smaller differences remain: the clock advances in steps, and a second delays nothing noticeably. */
const MIN_SHIFT: Ms = SECOND;

/** Columns with store times that are compared with the current time. A released lease has the time 0. */
const TIME_COLUMNS = [
  ["record", "expires"],
  ["member", "expires"],
  ["lease", "until"],
  ["lease", "forget"],
  ["job", "at"],
  ["lane", "due"],
  ["done", "forget"],
  ["consumed", "at"],
  ["consumed", "expires"],
  ["pause", "until"],
] as const;

/** Times are store times in milliseconds; `value` is JSON text. */
const savedRowSchema = z.union([
  z.object({ key: z.string(), value: z.string(), sets: z.array(z.string()), expires: z.number().nullable() }),
  z.object({ done: z.string(), queue: z.string(), forget: z.number() }),
]);

/** The last row: without it the sender has broken off. */
const endSchema = z.object({ rows: z.number() });

const formatSchema = z.object({ format: z.number() }).catch({ format: 0 });

/** Rows that are read at once: 500, so that other calls are handled between two pages. */
const PAGE_SIZE = 500;

/** Throws, and changes nothing, when the tables are those of an earlier version. */
export function createSqlTables(driver: Pick<SqlDriver, "exec">) {
  if (driver.exec("SELECT 1 FROM pragma_table_info(?)", OLD_TABLE).length > 0) throw createOlderFormatError();
  for (const statement of TABLES) driver.exec(statement);
}

/**
 * Creates a group commit: work queued in the same turn of the event loop runs in one transaction, in order, each with
 * its own result. A promise resolves only when the transaction is durable; when it fails, all its promises reject. A
 * group that contains only lax work need not survive a failure of the machine. Work must throw only when the database
 * fails, because an error rolls back the whole group.
 */
export function createGroupCommit(driver: Pick<SqlDriver, "transaction" | "soon">) {
  const waiting: QueuedWork[] = [];

  function flush() {
    const group = waiting.splice(0, MAX_GROUP_SIZE);
    if (waiting.length > 0) driver.soon(flush);
    if (group.length === 0) return;
    let resolvers: (() => void)[] = [];
    try {
      driver.transaction(
        () => {
          resolvers = group.map((work) => work.run());
        },
        group.every((work) => work.isLax),
      );
    } catch (error) {
      for (const work of group) work.reject(error);
      return;
    }
    for (const resolver of resolvers) resolver();
  }

  return {
    queue<T>(work: () => T, isLax = false): Promise<T> {
      return new Promise((resolve, reject) => {
        waiting.push({
          isLax,
          run() {
            const value = work();
            return () => resolve(value);
          },
          reject,
        });
        if (waiting.length === 1) driver.soon(flush);
      });
    },

    /** Runs all queued work now. */
    flushAll() {
      while (waiting.length > 0) flush();
    },
  };
}

/**
 * Moves the stored times back when the clock is behind the time of the last change, as when the machine's clock was set
 * back while the store was closed. Otherwise jobs would wait, and leases and expiring values last, until the clock has
 * caught up.
 */
export function shiftTimesAfterClockSetBack({ exec, clock }: Pick<SqlParts, "exec" | "clock">): void {
  const [counter] = exec<{ at: Ms }>("SELECT at FROM counter");
  const now = clock();
  const shift = (counter?.at ?? 0) - now;
  if (shift < MIN_SHIFT) return;
  for (const [table, column] of TIME_COLUMNS)
    exec(`UPDATE ${table} SET ${column} = ${column} - ? WHERE ${column} > 0`, shift);
  exec("UPDATE counter SET at = ?", now);
}

/**
 * Expired rows of tables that no other row refers to: the table's key, and what tells an expired row. A pause whose
 * probe was never sent is kept for a day.
 */
const EXPIRED = [
  ["lease", "key", "forget <= ?"],
  ["done", "queue, id", "forget <= ?"],
  ["consumed", "rowid", "expires <= ?"],
  ["pause", "bucket", `until + (probe <> 'none') * ${UNUSED_PROBE_RETENTION} <= ?`],
] as const;

/** Deletes at most `limit` expired rows of each table and returns whether there were any. */
export function sweepTables({ exec, clock }: Pick<SqlParts, "exec" | "clock">, limit: number): boolean {
  const deleted = EXPIRED.map(([table, key, isExpired]) =>
    exec(
      `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE ${isExpired} LIMIT +?) RETURNING 1`,
      ...[clock(), limit],
    ),
  );
  return deleted.some((rows) => rows.length > 0);
}

/**
 * Yields what is saved of a database. Each page is read when it is needed, so what changes meanwhile may be in it or
 * not; a record is history, a sum or a mark, and means the same without the others.
 */
export function* readSavedRows({ exec }: Exec): Generator<SavedRow> {
  const records = `SELECT key, value, expires,
      (SELECT json_group_array(name) FROM member WHERE member.key = record.key) AS sets
    FROM record WHERE key > ? ORDER BY key LIMIT +?`;
  for (let rows = exec(records, "", PAGE_SIZE); rows.length > 0; ) {
    for (const { key, value, expires, sets } of rows)
      if (isRestoredRecord(String(key)))
        yield savedRowSchema.parse({ key, value, expires, sets: JSON.parse(String(sets)) });
    rows = exec(records, String(rows.at(-1)?.["key"]), PAGE_SIZE);
  }
  const done = `SELECT queue, id AS done, forget FROM done WHERE (queue, id) > (?, ?) ORDER BY queue, id LIMIT +?`;
  for (let rows = exec(done, "", "", PAGE_SIZE); rows.length > 0; ) {
    for (const row of rows) yield savedRowSchema.parse(row);
    const last = rows.at(-1);
    rows = exec(done, String(last?.["queue"]), String(last?.["done"]), PAGE_SIZE);
  }
}

/** Adds a row to a database with the store's tables. */
export function writeSavedRow({ exec }: Exec, row: SavedRow): void {
  if ("done" in row) {
    exec("INSERT OR REPLACE INTO done (queue, id, forget) VALUES (?, ?, ?)", row.queue, row.done, row.forget);
    return;
  }
  const { key, value, sets, expires } = row;
  // Nothing refers to the revisions of the old store, and every later one is greater.
  exec("INSERT INTO record (key, value, rev, expires) VALUES (?, ?, 1, ?)", key, value, expires);
  for (const name of sets) exec("INSERT INTO member (name, key, expires) VALUES (?, ?, ?)", name, key, expires);
}

/** The format of the store, where this row is the record of it. */
export function findRowFormat(row: SavedRow): number | undefined {
  return "key" in row && row.key === STORE_FORMAT_KEY ? formatSchema.parse(tryParseJson(row.value)).format : undefined;
}

export const parseSavedRow = (text: string): SavedRow => savedRowSchema.parse(JSON.parse(text));

/** The text of the rows, line by line. */
export function* formatSavedRows(rows: Iterable<SavedRow>): Generator<string> {
  let count = 0;
  for (const row of rows) {
    yield `${count === 0 ? "[" : ","}${JSON.stringify(row)}\n`;
    count += 1;
  }
  yield `${count === 0 ? "[" : ","}${JSON.stringify({ rows: count })}]\n`;
}

/** Yields the rows of such a text as they arrive. Throws an Error when it is another text or ends early. */
export async function* parseSavedRows(body: ReadableStream<Uint8Array>): AsyncGenerator<SavedRow> {
  let count = 0;
  let isComplete = false;
  for await (const line of readLines(body)) {
    const row: unknown = JSON.parse(line.replace(/^[[,]/, "").replace(/\]$/, ""));
    const end = endSchema.safeParse(row);
    if (isComplete || (end.success && end.data.rows !== count)) break;
    isComplete = end.success;
    if (isComplete) continue;
    count += 1;
    yield savedRowSchema.parse(row);
  }
  if (!isComplete) throw new Error(`the rows of the store end after ${count}, before they are complete`);
}

async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = body.getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + decoder.decode(value, { stream: !done })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
    if (done) break;
  }
  if (rest !== "") yield rest;
}

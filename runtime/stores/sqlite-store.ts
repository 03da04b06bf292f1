/**
 * The embedded store: the SQL engine on Node's SQLite. It notices a damaged or removed file, gives unused pages back,
 * and copies itself while it is in use. Also the file for all that look at it without opening the store, and a lock
 * between processes, which is SQLite's on a file of its own.
 */

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { backup, DatabaseSync, type StatementSync } from "node:sqlite";
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import type { Store, StoreCapacity } from "../../shared/store/port.ts";
import type { SqlDriver } from "../../shared/store/sql/database.ts";
import { createSqlStore } from "../../shared/store/sql/sql-store.ts";
import { StoreFormatError } from "../../shared/store/store-format.ts";
import { HOUR, type Ms, wait } from "../../shared/time.ts";

interface SqliteStoreOptions {
  /** The folder of the file; it is created if it does not exist. */
  folder: string;
  clock: () => Ms;
  remember?: Ms;
}

/** Pages given back in one step: 256 (1 MiB), which takes some milliseconds. */
const RECLAIM_STEP_PAGES = 256;

/** Free pages that stay in the file: 2,048 (8 MiB), so that new rows need not grow it again at once. */
const SPARE_PAGES = 2_048;

/** Pages copied in one step: 256 (1 MiB). Requests are handled between two steps. */
const COPY_STEP_PAGES = 256;

/** Attempts to begin a copy, and the delay between two: 5 s in all, while a transaction takes milliseconds. */
const MAX_ATTEMPTS = 200;

const RETRY_DELAY: Ms = 25;

/** Age from which a copy counts as left behind by a process that was killed: an hour. */
const LEFTOVER_AGE: Ms = HOUR;

const COPY_NAME = /^groundcrew-copy-[0-9a-f]{12}\.db$/;

/** Name of the embedded file in its folder. */
export const STORE_FILE_NAME = "groundcrew.db";

/** Primary result codes (https://www.sqlite.org/rescode.html); the extended ones contain them in their lowest byte. */
const RESULT = { busy: 5, corrupt: 11, notADatabase: 26 } as const;

/** What to do with a file that cannot be used any longer. */
const REBUILD_HINT =
  "The file may be moved away, together with its -wal and -shm files: with an empty store Groundcrew reads everything from Plane again.";

/**
 * Reads a whole store file and returns what is wrong with it; undefined when it is sound, or when a process has it
 * open. Changes nothing.
 */
export function findFileProblem(path: string): string | undefined {
  // A process that was not killed leaves no log, and then SQLite can read the file without creating files beside it.
  const hasLog = existsSync(`${path}-wal`);
  const sharedFile = `${path}-shm`;
  const hadSharedFile = existsSync(sharedFile);
  try {
    const url = pathToFileURL(path);
    if (!hasLog) url.search = "immutable=1";
    const database = new DatabaseSync(url, { readOnly: true });
    try {
      const found = database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
      return found === "ok" ? undefined : describeDamage(path, String(found));
    } finally {
      database.close();
    }
  } catch (error) {
    return isLockedError(error) ? undefined : describeOpenError(path, error);
  } finally {
    if (hasLog && !hadSharedFile) rmSync(sharedFile, { force: true });
  }
}

/** Opens the embedded store, for one process. Throws when another process has it open or it cannot be written. */
export function createSqliteStore({ folder, ...options }: SqliteStoreOptions): Store {
  const path = join(folder, STORE_FILE_NAME);
  let driver: SqlDriver | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // SQLite gives its log the same mode.
    if (!createPrivateFile(path) && (statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
    driver = createSqliteDriver(path);
    return createSqlStore(driver, { ...options, alone: true });
  } catch (error) {
    driver?.close();
    if (error instanceof StoreFormatError) throw error;
    throw new GroundcrewError("unavailable", describeOpenError(path, error), { cause: error });
  }
}

/** Creates a store in memory: for tests, and for hosts where losing all data with the process is acceptable. */
export function createMemoryStore(options: Omit<SqliteStoreOptions, "folder">): Store {
  const database = new DatabaseSync(":memory:");
  const driver: SqlDriver = {
    exec: createStatementRunner(database, ":memory:"),
    // Changes are made at once: nothing waits for a disk, and only a failing one needs a rollback.
    transaction: (run) => run(),
    soon: (run) => run(),
    close: () => database.close(),
  };
  return createSqlStore(driver, options);
}

/** Opens a database file and locks it until it is closed or the process ends, even by a crash. */
function createSqliteDriver(path: string): SqlDriver {
  const database = new DatabaseSync(path);
  const opened = statSync(path);
  const exec = createStatementRunner(database, path);

  /** Writes to a file that was deleted or replaced succeed, but their data is lost. */
  function checkFileUnchanged() {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.ino === opened.ino && found.dev === opened.dev) return;
    throw new GroundcrewError("unavailable", describeLostFile(path));
  }

  let isSyncing = true;
  function transaction(run: () => void, isLax = false) {
    if (!isLax) checkFileUnchanged();
    // Commits without a sync keep their order: after a crash the log is read up to its first incomplete entry.
    if (isSyncing === isLax) {
      exec(`PRAGMA synchronous = ${isLax ? "NORMAL" : "FULL"}`);
      isSyncing = !isLax;
    }
    exec("BEGIN IMMEDIATE");
    try {
      run();
      exec("COMMIT");
    } catch (error) {
      // When the disk is full, SQLite has rolled the transaction back already.
      if (database.isTransaction) exec("ROLLBACK");
      throw error;
    }
  }

  try {
    // The order matters: with an exclusive lock before the log is opened, SQLite keeps the log's index out of a shared
    // file.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    // Lets the file give back free pages; it counts before the first table and the log exist.
    database.exec("PRAGMA auto_vacuum = INCREMENTAL");
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    // On macOS an ordinary sync does not flush the disk's own cache.
    database.exec("PRAGMA fullfsync = ON");
    // After a burst of writes the log is truncated to 16 MiB.
    database.exec("PRAGMA journal_size_limit = 16777216");
    transaction(() => {});
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    exec,
    transaction,
    soon: setImmediate,
    reclaimSpace: () => reclaimPages(database),
    readCapacity: () => ({ disk: readDiskSpace(dirname(path)) }),
    saveCopy: () => saveSqliteCopy(database, dirname(path)),
    findDamage: () => findDamage(database, path),
    close: () => database.close(),
  };
}

/** Creates the function that runs one statement and returns its rows. Each statement is prepared once. */
function createStatementRunner(database: DatabaseSync, path: string): SqlDriver["exec"] {
  const statements = new Map<string, StatementSync>();
  return (sql, ...params) => {
    try {
      const statement = statements.get(sql) ?? database.prepare(sql);
      statements.set(sql, statement);
      return statement.all(...params);
    } catch (error) {
      throw new GroundcrewError("unavailable", describeStatementError(path, error), { cause: error });
    }
  };
}

/** Checks one table with its indexes at a time. Reading a page finds the same damage, but only when it is needed. */
async function findDamage(database: DatabaseSync, path: string): Promise<string | undefined> {
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    for (const { name } of tables) {
      const row = database.prepare(`PRAGMA quick_check("${String(name)}")`).get();
      const found = String(row?.["quick_check"]);
      // Under a heading, one line for each problem.
      if (found !== "ok") return describeDamage(path, found.replace(/^\*\*\*.*\n/, "").split("\n")[0] ?? found);
      await yieldToOthers();
    }
    return undefined;
  } catch (error) {
    return describeStatementError(path, error);
  }
}

function countFreePages(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA freelist_count").get()?.["freelist_count"]);
}

/** Gives back one step of free pages; see `Store.reclaimSpace`. The last step shortens the file and its log. */
function reclaimPages(database: DatabaseSync): boolean {
  const before = countFreePages(database);
  if (before <= SPARE_PAGES) return false;
  database.exec(`PRAGMA incremental_vacuum(${Math.min(RECLAIM_STEP_PAGES, before - SPARE_PAGES)})`);
  const after = countFreePages(database);
  if (after < before && after > SPARE_PAGES) return true;
  // Writes the log into the file, which only then becomes smaller, and empties the log.
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  return false;
}

/**
 * Writes a copy of an open database into a folder with SQLite's online backup and returns its name. What is committed
 * meanwhile is in the copy as well, so it is the state of the moment at which it ended. Throws when it cannot be
 * written.
 */
export async function saveSqliteCopy(database: DatabaseSync, folder: string): Promise<string> {
  for (const left of readdirSync(folder).filter((file) => /^groundcrew-copy-/.test(file))) {
    const stats = statSync(join(folder, left), { throwIfNoEntry: false });
    if (stats && Date.now() - stats.mtimeMs > LEFTOVER_AGE) rmSync(join(folder, left), { force: true });
  }
  const name = `groundcrew-copy-${randomBytes(6).toString("hex")}.db`;
  const path = join(folder, name);
  try {
    // The file exists with its mode before it has content.
    closeSync(openSync(path, "wx", 0o600));
    await copyWithRetries(database, path);
    syncFile(path);
  } catch (error) {
    rmSync(path, { force: true });
    throw new GroundcrewError("unavailable", `The store could not be copied: ${getErrorMessage(error)}`, {
      cause: error,
    });
  }
  return name;
}

/**
 * Repeats a copy that did not begin: when the first step meets a transaction of this process, Node rejects with
 * SQLite's code 0, "not an error". Later steps are repeated by Node itself.
 */
async function copyWithRetries(database: DatabaseSync, path: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await backup(database, path, { rate: COPY_STEP_PAGES });
      return;
    } catch (error) {
      const isUnbegun = error instanceof Error && "errcode" in error && (error.errcode === 0 || isLockedError(error));
      if (!isUnbegun || attempt >= MAX_ATTEMPTS) throw error;
      await wait(RETRY_DELAY);
    }
  }
}

function syncFile(path: string) {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Whether a text is the name of a copy, and nothing else. */
export function isCopyName(name: string): boolean {
  return COPY_NAME.test(name);
}

/** Describes a damaged file by SQLite's own message, and what to do. */
function describeDamage(path: string, reason: string): string {
  return `The store ${path} is damaged: ${reason}. Stop Groundcrew. ${REBUILD_HINT}`;
}

/**
 * Creates a file that only this account may use; an existing one is left as it is. It must not be opened for that,
 * because closing it would release this process's lock on it. True: the file is new.
 */
function createPrivateFile(path: string): boolean {
  try {
    closeSync(openSync(path, "wx", 0o600));
    return true;
  } catch (thrown) {
    if (!existsSync(path)) throw thrown;
    return false;
  }
}

/** Reads the space of the file system of a folder, of which free is what this user may use. Throws when it cannot. */
export function readDiskSpace(folder: string): NonNullable<StoreCapacity["disk"]> {
  const { bavail, blocks, bsize } = statfsSync(folder);
  return { free: bavail * bsize, size: blocks * bsize };
}

/** Describes why a statement failed, and what to do when the file is damaged. */
function describeStatementError(path: string, error: unknown): string {
  const reason = getErrorMessage(error);
  if (isDamaged(error)) return describeDamage(path, reason);
  return `The store ${path} failed: ${reason}`;
}

function isDamaged(error: unknown): boolean {
  const code = findResultCode(error);
  return code === RESULT.corrupt || code === RESULT.notADatabase;
}

function findResultCode(error: unknown): number | undefined {
  const cause = getRootCause(error);
  if (!(cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number")) return undefined;
  return cause.errcode & 0xff;
}

/** Statement errors are wrapped, with SQLite's own error as cause. */
function getRootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  return cause;
}

/** Describes why the file cannot be opened. */
function describeOpenError(path: string, error: unknown): string {
  if (findResultCode(error) === RESULT.busy)
    return `The store ${path} is already open in a running Groundcrew. Only one process can use it: stop the other one, or use Redis (STORE_URL=redis://…).`;
  const reason = getErrorMessage(getRootCause(error));
  if (isDamaged(error)) return `The store ${path} cannot be opened: it is damaged (${reason}). ${REBUILD_HINT}`;
  return `The store ${path} cannot be opened: ${reason}`;
}

/** Describes a file that is not the opened one any longer. */
function describeLostFile(path: string): string {
  return `The store ${path} was moved away, deleted or replaced while it was open. Restore it, or continue without it: with an empty store Groundcrew reads everything from Plane again. Then restart Groundcrew.`;
}

/** Whether another process has the file open. */
export function isLockedError(error: unknown): boolean {
  return findResultCode(error) === RESULT.busy;
}

/**
 * Locks a file, which stays empty, and creates it if it does not exist. SQLite's lock on a file is the operating
 * system's, so it ends with this process however that ends, and holds between containers as well. Its holder may remove
 * the file before it releases the lock. Returns the function that releases it; undefined when it is taken. Throws when
 * the file cannot be created.
 */
export function lockFile(path: string): (() => void) | undefined {
  createPrivateFile(path);
  const file = readFileId(path);
  const lock = new DatabaseSync(path);
  try {
    lock.exec("BEGIN EXCLUSIVE");
    // The lock on a file that its last holder removed meanwhile would exclude nobody.
    if (file !== undefined && file === readFileId(path)) return () => lock.close();
  } catch (thrown) {
    if (!isLockedError(thrown)) {
      lock.close();
      throw thrown;
    }
  }
  lock.close();
  return undefined;
}

const readFileId = (path: string) => statSync(path, { throwIfNoEntry: false })?.ino;

import { chmodSync, closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { GroundcrewError } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";
import type { Store } from "../../shared/store/port.ts";
import type { SqlDriver } from "../../shared/store/sql/driver.ts";
import { createSqlStore } from "../../shared/store/sql/sql-store.ts";
import type { Ms } from "../../shared/time.ts";
import { readDiskSpace } from "./disk-space.ts";
import { saveSqliteCopy } from "./sqlite-copy.ts";
import { describeLostFile, describeOpenError, describeStatementError } from "./sqlite-errors.ts";
import { convertOldFile, enableIncrementalVacuum, reclaimPages } from "./sqlite-space.ts";
import { STORE_FILE_NAME } from "./store-file.ts";

interface SqliteStoreOptions {
  /** The folder of the file; it is created if it does not exist. */
  folder: string;
  clock: () => Ms;
  remember?: Ms;
  log?: Log;
}

/** Opens the embedded store, for one process. Throws when another process has it open or it cannot be written. */
export function createSqliteStore({ folder, log, ...options }: SqliteStoreOptions): Store {
  const path = join(folder, STORE_FILE_NAME);
  let driver: SqlDriver | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    makePrivate(path);
    driver = createSqliteDriver(path, log);
    return createSqlStore(driver, { ...options, alone: true });
  } catch (error) {
    driver?.close();
    throw new GroundcrewError("unavailable", describeOpenError(path, error), { cause: error });
  }
}

/** Opens a database file and locks it until it is closed or the process ends, even by a crash. */
function createSqliteDriver(path: string, log: Log | undefined): SqlDriver {
  const database = new DatabaseSync(path);
  const opened = statSync(path);
  const statements = new Map<string, StatementSync>();

  function exec(sql: string, ...params: (string | number | null)[]) {
    try {
      const statement = statements.get(sql) ?? database.prepare(sql);
      statements.set(sql, statement);
      return statement.all(...params);
    } catch (error) {
      throw new GroundcrewError("unavailable", describeStatementError(path, error), { cause: error });
    }
  }

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
    enableIncrementalVacuum(database);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    // On macOS an ordinary sync does not flush the disk's own cache.
    database.exec("PRAGMA fullfsync = ON");
    // After a burst of writes the log is truncated to 16 MiB.
    database.exec("PRAGMA journal_size_limit = 16777216");
    transaction(() => {});
    convertOldFile(database, log);
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
    close: () => database.close(),
  };
}

/** Makes the file readable by this account only; SQLite gives its log the same mode. */
function makePrivate(path: string) {
  try {
    // An existing file must not be opened here, because closing it would release this process's lock on it.
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  }
}

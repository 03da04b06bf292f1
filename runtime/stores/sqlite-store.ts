import { chmodSync, closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import type { Store } from "../../shared/store/port.ts";
import type { SqlDriver } from "../../shared/store/sql/driver.ts";
import { createSqlStore } from "../../shared/store/sql/sql-store.ts";
import type { Ms } from "../../shared/time.ts";

/** https://www.sqlite.org/rescode.html: another connection has the lock. */
const SQLITE_BUSY = 5;

interface SqliteStoreOptions {
  /** The file is `groundcrew.db` in this folder, which is made if need be. */
  folder: string;
  clock: () => Ms;
  remember?: Ms;
}

/** The embedded store, for one process. Throws when it is open elsewhere or cannot be written. */
export function createSqliteStore({ folder, ...options }: SqliteStoreOptions): Store {
  const path = join(folder, "groundcrew.db");
  let driver: SqlDriver | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    makePrivate(path);
    driver = createSqliteDriver(path);
    return createSqlStore(driver, { ...options, alone: true });
  } catch (error) {
    driver?.close();
    throw new GroundcrewError("unavailable", describeOpenError(path, error), { cause: error });
  }
}

/** A database on one file, locked until it is closed or the process ends, however it ends. */
function createSqliteDriver(path: string): SqlDriver {
  const database = new DatabaseSync(path);
  const opened = statSync(path);
  const statements = new Map<string, StatementSync>();

  function exec(sql: string, ...params: (string | number | null)[]) {
    try {
      const statement = statements.get(sql) ?? database.prepare(sql);
      statements.set(sql, statement);
      return statement.all(...params);
    } catch (error) {
      throw new GroundcrewError("unavailable", `The store ${path} cannot do this: ${getErrorMessage(error)}`, {
        cause: error,
      });
    }
  }

  /** A file that was deleted or replaced takes everything it is given, and keeps it for nobody. */
  function checkFileUnchanged() {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.ino === opened.ino && found.dev === opened.dev) return;
    throw new GroundcrewError(
      "unavailable",
      `The store ${path} was deleted or replaced while it was open: start Groundcrew again.`,
    );
  }

  let isSyncing = true;
  function transaction(run: () => void, isLax = false) {
    if (!isLax) checkFileUnchanged();
    // Without the sync a commit still comes after all before it: the log is read up to where it breaks off.
    if (isSyncing === isLax) {
      exec(`PRAGMA synchronous = ${isLax ? "NORMAL" : "FULL"}`);
      isSyncing = !isLax;
    }
    exec("BEGIN IMMEDIATE");
    try {
      run();
      exec("COMMIT");
    } catch (error) {
      // A full disk has rolled it back already.
      if (database.isTransaction) exec("ROLLBACK");
      throw error;
    }
  }

  try {
    // In this order: a lock that is exclusive before the log is opened keeps the log's index out of a shared file.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    // On macOS an ordinary sync stops at the disk's own cache.
    database.exec("PRAGMA fullfsync = ON");
    // The log is cut back to 16 MiB after a burst.
    database.exec("PRAGMA journal_size_limit = 16777216");
    transaction(() => {});
  } catch (error) {
    database.close();
    throw error;
  }
  return { exec, transaction, soon: setImmediate, close: () => database.close() };
}

/** Readable by this account only; SQLite gives its log the same mode. */
function makePrivate(path: string) {
  try {
    // Never opened when it is there: closing it again would end this process's own lock on it.
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  }
}

function describeOpenError(path: string, error: unknown): string {
  if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY) {
    return `The store ${path} is already open in a running Groundcrew. It is for one process only: stop the other one, or use Redis (STORE_URL=redis://…).`;
  }
  return `The store ${path} cannot be opened: ${getErrorMessage(error)}`;
}

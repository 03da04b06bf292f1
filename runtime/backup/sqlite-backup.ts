/**
 * The embedded store in a backup: copied also while Groundcrew uses it; the copy is checked and reduced to the records
 * that a restore keeps, and restored only where nothing uses the file. SQLite's lock also keeps two runs apart that use
 * one folder of backups. A backup has the stores of other kinds in the same form.
 */

import { existsSync, mkdirSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { getErrorMessage } from "../../shared/errors.ts";
import {
  createSqlTables,
  readSavedRows,
  type SavedRow,
  type SqlDriver,
  WORK_TABLES,
  writeSavedRow,
} from "../../shared/store/sql/database.ts";
import { isRestoredRecord, STORE_FORMAT, STORE_FORMAT_KEY } from "../../shared/store/store-format.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { parseStoreFolder } from "../stores/open-store.ts";
import { isCopyName, isLockedError, lockFile, STORE_FILE_NAME, saveSqliteCopy } from "../stores/sqlite-store.ts";
import type { BackupSettings } from "./backup-settings.ts";
import { copyFile, placeFile, type SavedPart } from "./files.ts";
import { BACKUP_PARTS, createBackupError, createRefusal, createSettingError, type VerifiedBackup } from "./manifest.ts";

/** Timeout for the copy that a running Groundcrew makes: 30 minutes, for a file of many gigabytes on a slow disk. */
const COPY_TIMEOUT: Ms = 30 * MINUTE;

const copySchema = z.object({ file: z.string().refine(isCopyName) });

const errorSchema = z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message);

/** Files that SQLite keeps beside a database, by the end of their names. The log is first: it belongs to the old file. */
const FILES = ["-wal", "-shm", ""] as const;

/** Name of the file in a backup folder by which its runs exclude each other. It stays empty. */
const LOCK_FILE = ".lock";

/** How a kind of store is saved and restored. */
export interface StoreEngine {
  /** A Groundcrew at GROUNDCREW_URL must be stopped before a restore. */
  needsStop: boolean;
  /** Saves it to a new file below `root`; undefined where there is none and none is named, as on a ticket host. */
  save(settings: BackupSettings, root: string): Promise<SavedPart | undefined>;
  /** Throws a BackupError when it cannot be restored there. */
  check(settings: BackupSettings): Promise<void>;
  /** Replaces it by what a restore keeps of the backup's. `name` ends the names of files that are moved aside. */
  restore(backup: VerifiedBackup, settings: BackupSettings, name: string): Promise<void>;
}

/** The embedded store. */
export const sqliteEngine: StoreEngine = {
  needsStop: true,
  save: saveSqliteStore,
  check: ({ store }) => checkStoreUnused(store.url),
  restore: restoreSqliteStore,
};

/** Saves the store, also while Groundcrew uses it. */
async function saveSqliteStore(settings: BackupSettings, root: string): Promise<SavedPart | undefined> {
  const folder = resolve(parseStoreFolder(settings.store.url));
  if (!existsSync(join(folder, STORE_FILE_NAME))) {
    if (!settings.store.isNamed) return undefined;
    throw createSettingError(
      `STORE_URL names ${folder}, which has no store: is it mounted, and has Groundcrew been started? To leave the store out use --without store.`,
    );
  }
  const copy = join(folder, (await copyUnusedStore(folder)) ?? (await requestCopy(settings)));
  try {
    if (!existsSync(copy))
      throw createBackupError(
        `Groundcrew at ${settings.address} copied another store than ${folder}: check STORE_URL and GROUNDCREW_URL.`,
      );
    return await saveStoreFile(copy, root);
  } finally {
    await rm(copy, { force: true });
  }
}

async function saveStoreFile(source: string, root: string): Promise<SavedPart> {
  const file = await copyFile(source, root, BACKUP_PARTS.store);
  return { files: [file], facts: { store: { format: await checkStoreCopy(join(root, BACKUP_PARTS.store)) } } };
}

/** Saves the rows of a store of another kind in the form that an embedded store has. */
export async function saveStoreRows(rows: AsyncIterable<SavedRow> | Iterable<SavedRow>, root: string) {
  const draft = join(root, ".store");
  try {
    await withDatabase(draft, async (database) => {
      // The draft is never used again after a failure, so nothing waits for the disk.
      database.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
      const exec = createExec(database);
      createSqlTables({ exec });
      database.exec("BEGIN");
      for await (const row of rows) writeSavedRow({ exec }, row);
      database.exec("COMMIT");
    });
    return await saveStoreFile(draft, root);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Reads the rows of a backup's store that a restore keeps, one after the other. */
export async function withStoreRows<T>(
  { path }: VerifiedBackup,
  use: (rows: Iterable<SavedRow>) => Promise<T>,
): Promise<T> {
  const url = toCopyUrl(join(path, BACKUP_PARTS.store));
  return withDatabase(url, (database) => use(readSavedRows({ exec: createExec(database) })), { readOnly: true });
}

function createExec(database: DatabaseSync): SqlDriver["exec"] {
  const statements = new Map<string, StatementSync>();
  return (sql, ...params) => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    return statement.all(...params);
  };
}

/** Copies a store that no Groundcrew has open and returns the copy's name; undefined when one has. */
async function copyUnusedStore(folder: string): Promise<string | undefined> {
  try {
    return await withDatabase(join(folder, STORE_FILE_NAME), (database) => {
      // Reading shows whether it is locked. It may have a log of a process that was killed, which is read as well.
      database.prepare("SELECT count(*) FROM sqlite_master").get();
      return saveSqliteCopy(database, folder);
    });
  } catch (thrown) {
    if (isLockedError(thrown)) return undefined;
    throw createBackupError(`The store in ${folder} cannot be read: ${getErrorMessage(thrown)}`);
  }
}

async function withDatabase<T>(
  path: string | URL,
  use: (database: DatabaseSync) => T | Promise<T>,
  options: { readOnly?: boolean } = {},
): Promise<T> {
  const database = new DatabaseSync(path, options);
  try {
    return await use(database);
  } finally {
    database.close();
  }
}

/** Lets the running Groundcrew copy its store, because no other process can read it, and returns the copy's name. */
async function requestCopy({ address, adminToken }: BackupSettings): Promise<string> {
  if (adminToken === undefined)
    throw createBackupError("A running Groundcrew uses the store, and only it can copy it: set ADMIN_TOKEN.");
  const hint = "Set GROUNDCREW_URL to the address of the Groundcrew that uses the store, or stop it during the backup.";
  try {
    const response = await fetch(`${address}/api/store-copy`, {
      method: "POST",
      headers: { authorization: `Bearer ${adminToken}`, accept: "application/json" },
      redirect: "manual",
      signal: AbortSignal.timeout(COPY_TIMEOUT),
    });
    const answer: unknown = await response.json().catch(() => undefined);
    const copy = copySchema.safeParse(answer);
    if (response.ok && copy.success) return copy.data.file;
    const reason = readErrorMessage(answer) ?? "not like Groundcrew";
    throw createBackupError(`Groundcrew at ${address} answered ${response.status}: ${reason} ${hint}`);
  } catch (thrown) {
    if (!(thrown instanceof TypeError) && !(thrown instanceof DOMException)) throw thrown;
    throw createBackupError(`Groundcrew uses the store, but does not answer at ${address}. ${hint}`);
  }
}

/** The message of Groundcrew's answer to a request that failed. */
export const readErrorMessage = (answer: unknown): string | undefined => errorSchema.safeParse(answer).data;

/**
 * Reads a whole copy of an embedded store and returns the format of its records, 0 for a version without one. Throws
 * when it is damaged or is not a store. Changes nothing.
 */
export async function checkStoreCopy(path: string): Promise<number> {
  try {
    return await withDatabase(toCopyUrl(path), readStoreFormat, { readOnly: true });
  } catch (thrown) {
    throw createRefusal(`The backup's store is damaged or is not a store of Groundcrew: ${getErrorMessage(thrown)}.`);
  }
}

/** A copy has no log, and SQLite must not create files beside it. */
function toCopyUrl(path: string): URL {
  const url = pathToFileURL(path);
  url.search = "immutable=1";
  return url;
}

function readStoreFormat(database: DatabaseSync): number {
  const found = database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  if (found !== "ok") throw new Error(String(found));
  // A store has neither, and they would run with Groundcrew's own statements.
  if (database.prepare("SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')").get())
    throw new Error("it contains triggers or views");
  const row = database.prepare("SELECT value FROM record WHERE key = ?").get(STORE_FORMAT_KEY);
  // A version without one has format 0.
  return row ? z.object({ format: z.int() }).parse(JSON.parse(String(row["value"]))).format : 0;
}

/** Throws when a store has another format than this version uses. */
export function checkStoreFormatNumber(format: number, version: string): void {
  if (format < STORE_FORMAT)
    throw createRefusal(
      `The backup's store has format ${format} of Groundcrew ${version}; this version uses format ${STORE_FORMAT} and does not convert older stores. Restore it with Groundcrew ${version}, or start this version without a store: it reads projects and tasks from Plane.`,
    );
  if (format > STORE_FORMAT)
    throw createRefusal(
      `The backup's store has format ${format} of Groundcrew ${version}; this version uses format ${STORE_FORMAT}. Use ${version} or a later version.`,
    );
}

/** Throws when a running Groundcrew has the store open. */
async function checkStoreUnused(url: string): Promise<void> {
  const path = join(resolve(parseStoreFolder(url)), STORE_FILE_NAME);
  if (!existsSync(path)) return;
  try {
    await withDatabase(path, (database) => database.prepare("SELECT count(*) FROM sqlite_master").get());
  } catch (thrown) {
    // A damaged store is what a restore replaces.
    if (isLockedError(thrown)) throw createRefusal("Groundcrew is running on this store: stop it first.");
  }
}

/** The present files are moved aside and stay. The new file is complete before it gets its name. */
async function restoreSqliteStore(
  { path, files }: VerifiedBackup,
  { store: { url } }: BackupSettings,
  name: string,
): Promise<void> {
  const hash = files.find((one) => one.path === BACKUP_PARTS.store)?.hash ?? "";
  const target = join(resolve(parseStoreFolder(url)), STORE_FILE_NAME);
  await placeFile(join(path, BACKUP_PARTS.store), { target, hash }, async (copy) => {
    await reduceStoreCopy(copy);
    for (const end of FILES) if (existsSync(target + end)) await rename(target + end, `${target}.before-${name}${end}`);
  });
}

/**
 * Reduces a copy of an embedded store to what a restore keeps (see `isRestoredRecord`), so that the next start sends
 * nothing old. The file has no log afterwards.
 */
async function reduceStoreCopy(path: string): Promise<void> {
  await withDatabase(path, (database) => {
    database.function("is_restored", { deterministic: true }, (key) => (isRestoredRecord(String(key)) ? 1 : 0));
    database.exec("PRAGMA journal_mode = DELETE");
    database.exec("PRAGMA synchronous = FULL");
    database.exec("BEGIN IMMEDIATE");
    for (const table of WORK_TABLES) {
      if (database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table))
        database.exec(`DELETE FROM ${table}`);
    }
    database.exec("DELETE FROM record WHERE NOT is_restored(key)");
    database.exec("DELETE FROM member WHERE key NOT IN (SELECT key FROM record)");
    database.exec("COMMIT");
    database.exec("VACUUM");
  });
}

/** Locks a folder of backups and creates it if it does not exist. Throws when another run has it. */
export function lockBackupFolder(folder: string): { release(): void } {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const release = lockFile(join(folder, LOCK_FILE));
  if (release) return { release };
  throw createBackupError(
    `Another backup or restore is using ${folder}. Run the same command again when it has ended.`,
  );
}

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseStoreFolder } from "../stores/open-store.ts";
import { isLockedError } from "../stores/sqlite-errors.ts";
import { STORE_FILE_NAME } from "../stores/store-file.ts";
import { createBackupError, createRefusal } from "./backup-error.ts";
import { copyFile, syncFolder } from "./copy-files.ts";
import { reduceStoreCopy } from "./sqlite-backup.ts";

/** Files that SQLite keeps beside a database, by the end of their names. The log is first: it belongs to the old file. */
const FILES = ["-wal", "-shm", ""] as const;

/** Throws when a running Groundcrew has the store open. */
export function checkStoreUnused(url: string): void {
  const path = join(resolve(parseStoreFolder(url)), STORE_FILE_NAME);
  if (!existsSync(path)) return;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.prepare("SELECT count(*) FROM sqlite_master").get();
  } catch (thrown) {
    // A damaged store is what a restore replaces.
    if (isLockedError(thrown)) throw createRefusal("Groundcrew is running on this store: stop it first.");
  } finally {
    database?.close();
  }
}

/**
 * Replaces the embedded store by what a restore keeps of a copy. The present files are moved aside and stay. The new
 * file is complete before it gets its name.
 * @param name ends the names of the files that are moved aside
 */
export async function restoreSqliteStore(
  url: string,
  { path, hash, name }: { path: string; hash: string; name: string },
): Promise<void> {
  const folder = resolve(parseStoreFolder(url));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${STORE_FILE_NAME}.restore-${randomBytes(6).toString("hex")}`;
  const target = join(folder, STORE_FILE_NAME);
  try {
    const written = await copyFile(path, folder, temporary);
    if (written.hash !== hash) throw createBackupError(`${path} changed during the restore: run it again.`);
    reduceStoreCopy(join(folder, temporary));
    for (const end of FILES) if (existsSync(target + end)) await rename(target + end, `${target}.before-${name}${end}`);
    await rename(join(folder, temporary), target);
    await syncFolder(folder);
  } catch (thrown) {
    await rm(join(folder, temporary), { force: true });
    throw thrown;
  }
}

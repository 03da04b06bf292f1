import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isLockedError } from "../stores/sqlite-errors.ts";
import { createBackupError } from "./backup-error.ts";

/** Name of the file in a backup folder by which its runs exclude each other. It stays empty. */
const LOCK_FILE = ".lock";

/**
 * Locks a folder of backups and creates it if it does not exist. SQLite's lock on a file is the operating system's, so
 * it ends with this process however that ends, and holds between containers as well. Throws when another run has it.
 */
export function lockBackupFolder(folder: string): { release(): void } {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, LOCK_FILE);
  closeSync(openSync(path, "a", 0o600));
  const lock = new DatabaseSync(path);
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (thrown) {
    lock.close();
    if (!isLockedError(thrown)) throw thrown;
    throw createBackupError(
      `Another backup or restore is using ${folder}. Run the same command again when it has ended.`,
    );
  }
  return { release: () => lock.close() };
}

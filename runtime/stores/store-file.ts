import { existsSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { describeDamage, describeOpenError, isLockedError } from "./sqlite-errors.ts";

/** Name of the embedded file in its folder. */
export const STORE_FILE_NAME = "groundcrew.db";

/**
 * Reads a whole store file and returns what is wrong with it; undefined when it is sound, or when a process has it open.
 * Changes nothing.
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

/**
 * The embedded store's file, for all that look at it without opening the store: its name, the free space of its disk,
 * and what SQLite's errors mean for it. Also a lock between processes, which is SQLite's on a file of its own.
 */

import { closeSync, existsSync, openSync, rmSync, statfsSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { getErrorMessage } from "../../shared/errors.ts";
import type { StoreCapacity } from "../../shared/store/capacity.ts";

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

/** Describes a damaged file by SQLite's own message, and what to do. */
export function describeDamage(path: string, reason: string): string {
  return `The store ${path} is damaged: ${reason}. Stop Groundcrew. ${REBUILD_HINT}`;
}

/**
 * Creates a file that only this account may use; an existing one is left as it is. It must not be opened for that,
 * because closing it would release this process's lock on it. True: the file is new.
 */
export function createPrivateFile(path: string): boolean {
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
export function describeStatementError(path: string, error: unknown): string {
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
export function describeOpenError(path: string, error: unknown): string {
  if (findResultCode(error) === RESULT.busy)
    return `The store ${path} is already open in a running Groundcrew. Only one process can use it: stop the other one, or use Redis (STORE_URL=redis://…).`;
  const reason = getErrorMessage(getRootCause(error));
  if (isDamaged(error)) return `The store ${path} cannot be opened: it is damaged (${reason}). ${REBUILD_HINT}`;
  return `The store ${path} cannot be opened: ${reason}`;
}

/** Describes a file that is not the opened one any longer. */
export function describeLostFile(path: string): string {
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

/** A lock between processes: on a file, and the operating system's, so that it ends with its holder. */

import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { createPrivateFile, isLockedError } from "./store-file.ts";

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

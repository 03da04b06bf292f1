import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { backup, type DatabaseSync } from "node:sqlite";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { HOUR, type Ms } from "../../shared/time.ts";
import { wait } from "../../shared/wait.ts";
import { isLockedError } from "./sqlite-errors.ts";

/** Pages copied in one step: 256 (1 MiB). Requests are handled between two steps. */
const STEP_PAGES = 256;

/** Attempts to begin a copy, and the delay between two: 5 s in all, while a transaction takes milliseconds. */
const MAX_ATTEMPTS = 200;
const RETRY_DELAY: Ms = 25;

/** Age from which a copy counts as left behind by a process that was killed: an hour. */
const LEFTOVER_AGE: Ms = HOUR;

const COPY_NAME = /^groundcrew-copy-[0-9a-f]{12}\.db$/;

/**
 * Writes a copy of an open database into a folder with SQLite's online backup and returns its name. What is committed
 * meanwhile is in the copy as well, so it is the state of the moment at which it ended. Throws when it cannot be written.
 */
export async function saveSqliteCopy(database: DatabaseSync, folder: string): Promise<string> {
  removeLeftovers(folder);
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
 * Repeats a copy that did not begin: when the first step meets a transaction of this process, Node rejects with SQLite's
 * code 0, "not an error". Later steps are repeated by Node itself.
 */
async function copyWithRetries(database: DatabaseSync, path: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await backup(database, path, { rate: STEP_PAGES });
      return;
    } catch (error) {
      const isUnbegun = error instanceof Error && "errcode" in error && (error.errcode === 0 || isLockedError(error));
      if (!isUnbegun || attempt >= MAX_ATTEMPTS) throw error;
      await wait(RETRY_DELAY);
    }
  }
}

/** Whether a text is the name of a copy, and nothing else. */
export function isCopyName(name: string): boolean {
  return COPY_NAME.test(name);
}

function removeLeftovers(folder: string) {
  for (const name of readdirSync(folder).filter((file) => /^groundcrew-copy-/.test(file))) {
    const stats = statSync(join(folder, name), { throwIfNoEntry: false });
    if (stats && Date.now() - stats.mtimeMs > LEFTOVER_AGE) rmSync(join(folder, name), { force: true });
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

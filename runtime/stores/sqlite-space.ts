import type { DatabaseSync } from "node:sqlite";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";

/** Value of `PRAGMA auto_vacuum` with which free pages can be given back step by step. */
const INCREMENTAL = 2;
/** Pages given back in one step: 256 (1 MiB), which takes some milliseconds. */
const STEP_PAGES = 256;
/** Free pages that stay in the file: 2,048 (8 MiB), so that new rows need not grow it again at once. */
const SPARE_PAGES = 2_048;

/**
 * Lets a file give back free pages. A new file needs only the setting, before its first table and its log exist; a file
 * of version 0.2 or earlier is rewritten once by `convertOldFile`.
 */
export function enableIncrementalVacuum(database: DatabaseSync) {
  database.exec("PRAGMA auto_vacuum = INCREMENTAL");
}

/**
 * Rewrites a file that cannot give back free pages, which took 6 s for 240 MB of rows (measured). It needs free space
 * for a copy of the rows; without it the file stays as it is and is converted at a later start.
 */
export function convertOldFile(database: DatabaseSync, log: Log | undefined) {
  if (readPragma(database, "auto_vacuum") === INCREMENTAL) return;
  try {
    database.exec("VACUUM");
    truncateLog(database);
    log?.info("the store's file was rewritten so that it can give back space");
  } catch (error) {
    // The store works without the conversion; only its file does not become smaller.
    log?.warn("the store's file could not be rewritten to give back space", { error: getErrorMessage(error) });
  }
}

/** Gives back one step of free pages; see `Store.reclaimSpace`. The last step shortens the file and its log. */
export function reclaimPages(database: DatabaseSync): boolean {
  const before = readPragma(database, "freelist_count");
  if (before <= SPARE_PAGES) return false;
  database.exec(`PRAGMA incremental_vacuum(${Math.min(STEP_PAGES, before - SPARE_PAGES)})`);
  const after = readPragma(database, "freelist_count");
  if (after < before && after > SPARE_PAGES) return true;
  truncateLog(database);
  return false;
}

/** Writes the log into the file, which only then becomes smaller, and empties the log. */
function truncateLog(database: DatabaseSync) {
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

function readPragma(database: DatabaseSync, name: "auto_vacuum" | "freelist_count"): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { getErrorMessage } from "../../shared/errors.ts";
import { isRestoredRecord } from "../../shared/store/restored-records.ts";
import { STORE_FORMAT, STORE_FORMAT_KEY } from "../../shared/store/store-format.ts";
import { createRefusal } from "./backup-error.ts";

const formatSchema = z.object({ format: z.int() });

/** Tables of work under way: jobs, failed jobs, leases, and the use of rate limits. Ids of done jobs stay. */
const DROPPED_TABLES = ["job", "lane", "dead", "lease", "spent", "held"] as const;

/**
 * Reads a whole copy of an embedded store and returns the format of its records, 0 for a version without one. Throws
 * when it is damaged or is not a store. Changes nothing.
 */
export function checkStoreCopy(path: string): number {
  const url = pathToFileURL(path);
  // A copy has no log, and SQLite must not create files beside it.
  url.search = "immutable=1";
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(url, { readOnly: true });
    const found = database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
    if (found !== "ok") throw new Error(String(found));
    // A store has neither, and they would run with Groundcrew's own statements.
    if (database.prepare("SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')").get())
      throw new Error("it contains triggers or views");
    const row = database.prepare("SELECT value FROM kept WHERE key = ?").get(STORE_FORMAT_KEY);
    return row === undefined ? 0 : formatSchema.parse(JSON.parse(String(row["value"]))).format;
  } catch (thrown) {
    throw createRefusal(`The backup's store is damaged or is not a store of Groundcrew: ${getErrorMessage(thrown)}.`);
  } finally {
    database?.close();
  }
}

/**
 * Reduces a copy of an embedded store to what a restore keeps (see `isRestoredRecord`), so that the next start sends
 * nothing old. The file has no log afterwards.
 */
export function reduceStoreCopy(path: string): void {
  const database = new DatabaseSync(path);
  try {
    database.function("is_restored", { deterministic: true }, (key) => (isRestoredRecord(String(key)) ? 1 : 0));
    database.exec("PRAGMA journal_mode = DELETE");
    database.exec("PRAGMA synchronous = FULL");
    database.exec("BEGIN IMMEDIATE");
    for (const table of DROPPED_TABLES) {
      if (database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table))
        database.exec(`DELETE FROM ${table}`);
    }
    database.exec("DELETE FROM kept WHERE NOT is_restored(key)");
    database.exec("DELETE FROM member WHERE key NOT IN (SELECT key FROM kept)");
    database.exec("COMMIT");
    database.exec("VACUUM");
  } finally {
    database.close();
  }
}

/** Throws when a store was written by a later version of Groundcrew. */
export function checkStoreFormatNumber(format: number, version: string): void {
  if (format > STORE_FORMAT)
    throw createRefusal(
      `The backup's store has format ${format} of Groundcrew ${version}; this version reads up to format ${STORE_FORMAT}. Use ${version} or a later version.`,
    );
}

import { existsSync, readFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseBackupName } from "../../shared/backup/backup-manifest.ts";
import type { Ms } from "../../shared/time.ts";
import { getErrorCode, syncFolder, writeText } from "./copy-files.ts";

/**
 * Name of the file in a backup folder that says which backup BACKUP_AFTER has copied elsewhere. It exists where backups
 * are copied, and is empty until the first copy succeeded. It is beside the backups, because other processes than the
 * one that copies read it, and because nothing may be added to a backup that is complete.
 */
const RECORD_FILE = ".last-copy.json";
const NEXT_RECORD_FILE = `${RECORD_FILE}.next`;

const recordSchema = z.object({
  /** Name of the backup that was copied. */
  backup: z.string(),
  /** When the program that copied it had ended. */
  copied: z.iso.datetime(),
});

/** What is known about the copies of a folder's backups. */
export interface BackupCopies {
  /** The last backup that was copied, when it began, and when its copy was complete; absent when none ever was. */
  last?: { name: string; began: Ms; copied: Ms };
}

/**
 * Stores whether the backups of a folder are copied elsewhere. Called before each backup, so that a copy that never ends
 * is known to be missing.
 */
export async function setCopiesExpected(folder: string, isExpected: boolean): Promise<void> {
  const path = join(folder, RECORD_FILE);
  if (existsSync(path) === isExpected) return;
  if (isExpected) await (await open(path, "a", 0o600)).close();
  else await rm(path, { force: true });
  await syncFolder(folder);
}

/** Stores that a backup of the folder was copied elsewhere, all of it or nothing. */
export async function recordCopy(folder: string, backup: string, copied: Ms): Promise<void> {
  const record: z.output<typeof recordSchema> = { backup, copied: new Date(copied).toISOString() };
  // Left by a run that was killed.
  await rm(join(folder, NEXT_RECORD_FILE), { force: true });
  await writeText(folder, NEXT_RECORD_FILE, `${JSON.stringify(record)}\n`);
  await rename(join(folder, NEXT_RECORD_FILE), join(folder, RECORD_FILE));
  await syncFolder(folder);
}

/**
 * Reads what is known about the copies of a folder's backups; undefined where they are not copied. A record that cannot
 * be read counts as one without a copy, so that the alert fires.
 */
export function readCopies(folder: string): BackupCopies | undefined {
  try {
    const { backup, copied } = recordSchema.parse(JSON.parse(readFileSync(join(folder, RECORD_FILE), "utf8")));
    const began = parseBackupName(backup);
    return began === undefined ? {} : { last: { name: backup, began, copied: Date.parse(copied) } };
  } catch (thrown) {
    return getErrorCode(thrown) === "ENOENT" ? undefined : {};
  }
}

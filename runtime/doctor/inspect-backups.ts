import { resolve } from "node:path";
import type { BackupProbe } from "../../functions/doctor/backup.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { findNewestBackup } from "../backup/newest-backup.ts";

/** Inspects BACKUP_FOLDER and changes nothing. */
export function inspectBackups(folder: string): BackupProbe {
  try {
    return findNewestBackup(resolve(folder)) ?? { problem: `${resolve(folder)} contains no complete backup` };
  } catch (thrown) {
    return { problem: `BACKUP_FOLDER cannot be read: ${getErrorMessage(thrown)}` };
  }
}

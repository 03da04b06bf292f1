import { resolve } from "node:path";
import type { BackupProbe } from "../../functions/doctor/backup.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { readCopies } from "../backup/copy-record.ts";
import { findNewestBackup } from "../backup/newest-backup.ts";

/** Inspects BACKUP_FOLDER and changes nothing. */
export function inspectBackups(folder: string): BackupProbe {
  return { ...findNewest(folder), ...omitUndefined({ copies: readCopies(resolve(folder)) }) };
}

function findNewest(folder: string): BackupProbe {
  try {
    return findNewestBackup(resolve(folder)) ?? { problem: `${resolve(folder)} contains no complete backup` };
  } catch (thrown) {
    return { problem: `BACKUP_FOLDER cannot be read: ${getErrorMessage(thrown)}` };
  }
}

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { backupManifestSchema, MANIFEST_FILE, parseBackupName } from "../../shared/backup/backup-manifest.ts";
import type { Ms } from "../../shared/time.ts";

/** The newest complete backup of a folder. */
export interface NewestBackup {
  name: string;
  /** When it began. */
  began: Ms;
  bytes: number;
}

/**
 * Finds the newest complete backup of a folder; undefined when there is none. Throws when the folder cannot be read. Its
 * files are not compared with their checksums: a restore does that.
 */
export function findNewestBackup(folder: string): NewestBackup | undefined {
  const names = readdirSync(folder).filter((name) => parseBackupName(name) !== undefined);
  for (const name of names.sort().reverse()) {
    try {
      const manifest = backupManifestSchema.parse(JSON.parse(readFileSync(join(folder, name, MANIFEST_FILE), "utf8")));
      return { name, began: Date.parse(manifest.began), bytes: manifest.bytes };
    } catch {
      // Not a backup of this version, or one that is not complete.
    }
  }
  return undefined;
}

/**
 * The test of a restore: a backup is restored as a whole, into a scratch folder and a scratch database. Nothing of the
 * installation is touched, and nothing of the scratch stays.
 */

import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { STORE_FORMAT_KEY } from "../../shared/store/store-format.ts";
import { DAY, HOUR, type Ms } from "../../shared/time.ts";
import { openStore } from "../stores/open-store.ts";
import type { BackupSettings } from "./backup-settings.ts";
import { testDatabase } from "./database-dump.ts";
import { describeFileError } from "./files.ts";
import { BACKUP_PARTS, BackupError, type BackupPart, createBackupError, type VerifiedBackup } from "./manifest.ts";
import { restoreBackup, verifyBackup } from "./restore-backup.ts";
import { readRestoreTest, recordRestoreTest } from "./stored-backups.ts";

/** Interval between two tests: a week, less an hour, because a backup does not begin at the same second each week. */
const TEST_INTERVAL: Ms = 7 * DAY - HOUR;

/** Prefix of the scratch folder, below the folder of backups, which has space for one backup more. */
const SCRATCH_PREFIX = ".test-";

/** Whether the last test of a restore failed, or is a week old, or none was made. */
export function isTestDue(folder: string, now: Ms): boolean {
  const last = readRestoreTest(folder);
  return last === undefined || last.failure !== undefined || now - last.tested >= TEST_INTERVAL;
}

/**
 * Reads and restores a backup for a test and records the result in the folder of backups, which the caller has locked.
 * Throws a BackupError when it cannot be restored.
 */
export async function testRestore(path: string, settings: BackupSettings, folder: string, now: Ms) {
  const result = { backup: basename(path), tested: now };
  try {
    const backup = await verifyBackup(path);
    await restoreToScratch(backup, settings, folder);
    await recordRestoreTest(folder, result);
    return backup;
  } catch (thrown) {
    const failure = thrown instanceof BackupError ? thrown.message : describeFileError(thrown);
    await recordRestoreTest(folder, { ...result, failure });
    throw createBackupError(`The backup ${path} cannot be restored: ${failure}`);
  }
}

async function restoreToScratch(backup: VerifiedBackup, settings: BackupSettings, folder: string): Promise<void> {
  const { name } = backup.manifest;
  // Those of runs that were killed; the caller has locked the folder.
  for (const left of await readdir(folder))
    if (left.startsWith(SCRATCH_PREFIX)) await rm(join(folder, left), { recursive: true, force: true });
  const scratch = join(folder, SCRATCH_PREFIX + name);
  await mkdir(scratch, { mode: 0o700 });
  const store = { ...settings.store, url: `file:${join(scratch, "store")}` };
  const parts = new Set<BackupPart>(backup.manifest.parts.filter((part) => part !== "database"));
  try {
    await restoreBackup(backup, moveSettings(settings, scratch, store), { parts, name });
    if (parts.has("store")) await readStore(store, backup.manifest.store?.format);
    const { databaseUrl: url, env } = settings;
    if (backup.manifest.parts.includes("database")) {
      if (url === undefined) throw createBackupError("BACKUP_DATABASE_URL is not set, so no database can be tried.");
      await testDatabase({ url, env }, join(backup.path, BACKUP_PARTS.database));
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The same settings with every place below the scratch folder. */
function moveSettings(settings: BackupSettings, scratch: string, store: BackupSettings["store"]): BackupSettings {
  const secretsFolder = join(scratch, "secrets");
  const place = (name: string) => ({ path: join(scratch, name), isNamed: true });
  return {
    ...settings,
    store,
    secretsFolder,
    secretsFile: join(secretsFolder, basename(settings.secretsFile)),
    environmentFile: join(scratch, "settings/.env"),
    configFile: join(scratch, "settings/groundcrew.json"),
    uploads: join(scratch, "uploads"),
    runnerConfig: place("runner-config"),
    runnerFolder: place("runner"),
    claude: join(scratch, "claude"),
  };
}

/** Opens the restored store as a start does, and reads the record of its format. */
async function readStore({ url, prefix }: BackupSettings["store"], format: number | undefined): Promise<void> {
  const store = await openStore(url, { prefix });
  try {
    const [row] = await store.read<{ format: number }>([STORE_FORMAT_KEY]);
    if (row?.value.format !== format) throw createBackupError("The restored store has no record of its format.");
  } finally {
    await store.close();
  }
}

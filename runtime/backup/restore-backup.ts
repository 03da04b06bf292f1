/**
 * Verifies a backup file by file and restores it. Nothing is changed before all that is restored has been checked, and
 * what is replaced is moved aside. A test restores a backup as a whole into a scratch folder and a scratch database.
 */

import { existsSync } from "node:fs";
import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { findErrorCode, getErrorMessage } from "../../shared/errors.ts";
import { STORE_FORMAT_KEY } from "../../shared/store/store-format.ts";
import { tryParseJson } from "../../shared/text.ts";
import { DAY, HOUR, type Ms } from "../../shared/time.ts";
import type { StatusLine } from "../node/process.ts";
import { openStore } from "../stores/open-store.ts";
import type { BackupSettings } from "./backup-settings.ts";
import { testDatabase } from "./database-dump.ts";
import { describeFileError, hashFile, readStart, walkFolder, withRegularFile } from "./files.ts";
import {
  anyManifestSchema,
  BACKUP_FORMAT,
  BACKUP_PARTS,
  BackupError,
  type BackupManifest,
  type BackupPart,
  backupManifestSchema,
  CHECKSUMS_FILE,
  type Checksum,
  createBackupError,
  createRefusal,
  MANIFEST_FILE,
  parseChecksums,
  type VerifiedBackup,
} from "./manifest.ts";
import { getAsideFolder, PARTS, PARTS_TO_RESTORE } from "./parts.ts";
import { readRestoreTest, recordRestoreTest } from "./stored-backups.ts";

interface RestoreOptions {
  parts: ReadonlySet<BackupPart>;
  /** Ends the names of what is moved aside: when the restore began. */
  name: string;
  status?: Pick<StatusLine, "show" | "noteStep"> | undefined;
}

/** Limit of a manifest: 64 KiB, more than a hundred times its size. */
const MAX_MANIFEST_BYTES = 65_536;

/** Interval between two tests: a week, less an hour, because a backup does not begin at the same second each week. */
const TEST_INTERVAL: Ms = 7 * DAY - HOUR;

/** Prefix of the scratch folder, below the folder of backups, which has space for one backup more. */
const SCRATCH_PREFIX = ".test-";

/**
 * Checks that a verified backup belongs to this installation and that every part can be restored. Throws a BackupError
 * otherwise; changes nothing.
 */
export async function checkRestore(
  backup: VerifiedBackup,
  settings: BackupSettings,
  parts: ReadonlySet<BackupPart>,
  isOtherAllowed: boolean,
): Promise<void> {
  const { plane } = backup.manifest;
  if (plane && settings.plane && !isOtherAllowed) {
    const [own, theirs] = [settings.plane, plane].map(({ url, workspace }) => `${url}, workspace ${workspace}`);
    if (own !== theirs)
      throw createRefusal(
        `The backup is of ${theirs}, and this installation uses ${own}. With --other-installation it is restored nevertheless.`,
      );
  }
  for (const part of PARTS_TO_RESTORE) if (parts.has(part.name)) await part.check?.(backup, settings);
}

/**
 * Restores the parts of a backup for which `checkRestore` has passed. The store is last, so that an interrupted restore
 * can be run again. Returns what a person has to do.
 */
export async function restoreBackup(
  backup: VerifiedBackup,
  settings: BackupSettings,
  { parts, name, status }: RestoreOptions,
): Promise<string[]> {
  const notes: string[] = [];
  for (const part of PARTS_TO_RESTORE)
    if (parts.has(part.name)) {
      status?.show(`restore: ${part.name}`);
      notes.push(...(await part.restore(backup, settings, name)));
      status?.noteStep(`restore: ${part.name} restored`);
    }
  const aside = getAsideFolder(settings, name);
  if (existsSync(aside)) notes.push(`Files with other content are in ${aside}.`);
  const { plane } = backup.manifest;
  if (plane && !settings.plane) notes.push(`The backup is of ${plane.url}.`);
  return notes;
}

/**
 * Reads a whole backup and compares it with its checksums. Throws a BackupError that says why it cannot be restored:
 * it is no backup, incomplete, changed, or of a later version. Changes nothing.
 */
export async function verifyBackup(path: string): Promise<VerifiedBackup> {
  const stats = await lstat(path).catch(() => undefined);
  if (!stats) throw createRefusal(`${path} does not exist.`);
  if (basename(path).startsWith(".")) throw createRefusal(`${path} is not complete: the backup was interrupted.`);
  if (!stats.isDirectory()) throw createRefusal(`${path} is not a folder (a symbolic link is not followed).`);
  try {
    const manifest = await readManifest(path);
    const backup = { path, manifest, files: await verifyFiles(path, manifest) };
    for (const part of PARTS_TO_RESTORE) if (manifest.parts.includes(part.name)) await part.verify?.(backup);
    return backup;
  } catch (thrown) {
    if (thrown instanceof BackupError) throw thrown;
    throw createRefusal(`The backup ${path} cannot be read: ${getErrorMessage(thrown)}.`);
  }
}

/** Reads the manifest of a backup's folder. Throws a BackupError when it is none that this version can read. */
async function readManifest(path: string): Promise<BackupManifest> {
  const bytes = await readStart(join(path, MANIFEST_FILE), MAX_MANIFEST_BYTES).catch((thrown: unknown) => {
    if (findErrorCode(thrown) !== "ENOENT") throw thrown;
    throw createRefusal(`${path} is not a complete backup of Groundcrew: it has no ${MANIFEST_FILE}.`);
  });
  const content = tryParseJson(Buffer.from(bytes).toString("utf8"));
  const any = anyManifestSchema.safeParse(content);
  if (!any.success)
    throw createRefusal(`${path} is not a backup of Groundcrew: ${MANIFEST_FILE} is of another program.`);
  const { format, groundcrew } = any.data;
  if (format > BACKUP_FORMAT)
    throw createRefusal(
      `${path} was made by Groundcrew ${groundcrew.slice(0, 20)} in a later format (${format}): use that version.`,
    );
  const manifest = backupManifestSchema.safeParse(content);
  if (!manifest.success) throw createRefusal(`The backup ${path} is damaged: ${MANIFEST_FILE} is not valid.`);
  return manifest.data;
}

async function verifyFiles(path: string, manifest: BackupManifest): Promise<Checksum[]> {
  const damaged = (reason: string) => createRefusal(`The backup ${path} is damaged: ${reason}.`);
  const listPath = join(path, CHECKSUMS_FILE);
  const text = await withRegularFile(listPath, (file) => file.readFile("utf8")).catch(() => undefined);
  if (text === undefined) throw damaged(`${CHECKSUMS_FILE} is missing`);
  if ((await hashFile(listPath)) !== manifest.checksums) throw damaged(`${CHECKSUMS_FILE} was changed`);
  const files = parseChecksums(text);
  const expected = new Map(files.map((file) => [file.path, file.hash]));
  if (files.length !== manifest.files) throw damaged("the number of files is not that of the manifest");
  for (const { path: name } of files) {
    const part = PARTS.find(({ owns }) => owns(name))?.name;
    if (!part) throw createRefusal(`The backup ${path} contains ${name}, which this version does not know.`);
    if (!manifest.parts.includes(part)) throw damaged(`its manifest does not name ${part}, of which it has ${name}`);
  }
  let bytes = 0;
  for await (const { name, isFile } of walkFolder(path)) {
    if (name === MANIFEST_FILE || name === CHECKSUMS_FILE) continue;
    if (!isFile) throw damaged(`${name} is a link or a special file`);
    const hash = expected.get(name);
    if (hash === undefined) throw damaged(`${name} does not belong to it`);
    if ((await hashFile(join(path, name))) !== hash) throw damaged(`${name} was changed`);
    bytes += (await lstat(join(path, name))).size;
    expected.delete(name);
  }
  const [missing] = expected.keys();
  if (missing !== undefined) throw damaged(`${missing} is missing`);
  if (bytes !== manifest.bytes) throw damaged("its size is not that of the manifest");
  return files;
}

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

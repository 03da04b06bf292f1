import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  BACKUP_FORMAT,
  BACKUP_PARTS,
  type BackupManifest,
  type BackupPart,
  CHECKSUMS_FILE,
  formatBackupName,
  MANIFEST_FILE,
} from "../../shared/backup/backup-manifest.ts";
import { formatChecksums } from "../../shared/backup/checksum-list.ts";
import { findExpiredBackups } from "../../shared/backup/find-expired-backups.ts";
import { SECRET_FILES, SECRET_FOLDERS, SECRETS_NAME } from "../../shared/backup/known-files.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Ms } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import { BackupError, createBackupError } from "./backup-error.ts";
import type { BackupSettings } from "./backup-settings.ts";
import { copyFile, copyTree, describeFileError, syncFolder, type WrittenFile, writeText } from "./copy-files.ts";
import { dumpDatabase, receiveDump } from "./database-programs.ts";
import { DUMP_HEADER_BYTES, readDumpHeader } from "./dump-header.ts";
import { readStart } from "./read-start.ts";
import { saveStore } from "./save-store.ts";

/** A backup that was made. */
export interface CreatedBackup {
  /** Path of its folder. */
  path: string;
  manifest: BackupManifest;
  /** Older backups that were removed. */
  removed: string[];
  /** Links and special files that were not copied. */
  skipped: string[];
}

interface CreateBackupOptions {
  /** Absolute path of the folder with all backups. The caller has locked it. */
  folder: string;
  clock: () => Ms;
  /** A dump of the database that another program writes, instead of the one by `databaseUrl`. */
  dump?: AsyncIterable<Uint8Array>;
}

/** Prefix of the folder of a backup that is not complete. It is renamed at the end and is never restored. */
const PARTIAL_PREFIX = ".partial-";

/**
 * Makes a backup in a folder of its own, then removes those that are not kept any longer. Throws when any part fails;
 * nothing of the attempt stays.
 */
export async function createBackup(settings: BackupSettings, options: CreateBackupOptions): Promise<CreatedBackup> {
  const { folder, clock } = options;
  const name = formatBackupName(clock());
  const path = join(folder, name);
  if (existsSync(path)) throw createBackupError(`${path} exists already: run the same command again.`);
  // Those of runs that were killed; the lock excludes others.
  for (const left of await readdir(folder))
    if (left.startsWith(PARTIAL_PREFIX)) await rm(join(folder, left), { recursive: true, force: true });
  const root = join(folder, PARTIAL_PREFIX + name);
  try {
    await mkdir(root, { mode: 0o700 });
    const { manifest, skipped } = await writeBackup(settings, options, { root, name });
    await rename(root, path);
    await syncFolder(folder);
    return { path, manifest, skipped, removed: await removeExpired(folder) };
  } catch (thrown) {
    await rm(root, { recursive: true, force: true });
    if (thrown instanceof BackupError) throw thrown;
    throw createBackupError(`No backup was made: ${describeFileError(thrown)}.`);
  }
}

async function writeBackup(
  settings: BackupSettings,
  { clock, dump }: CreateBackupOptions,
  { root, name }: { root: string; name: string },
): Promise<Pick<CreatedBackup, "manifest" | "skipped">> {
  const began = clock();
  const files: WrittenFile[] = [];
  const skipped: string[] = [];
  const parts: BackupPart[] = [];
  const addTree = async (source: string, path: string) => {
    const copied = await copyTree(source, root, path);
    files.push(...copied.files);
    skipped.push(...copied.skipped.map((file) => join(source, file)));
  };
  // The store is first: what it refers to is then in the later copy of Plane as well.
  const saved = await saveStore(settings, root);
  if (saved) {
    files.push(saved.file);
    parts.push("store");
  }
  const postgresql = await saveDatabase(settings, dump, root, files);
  if (postgresql) parts.push("database");
  if (settings.uploads !== undefined) {
    await addTree(settings.uploads, BACKUP_PARTS.uploads);
    parts.push("uploads");
  }
  const { secretsFolder, secretsFile, configFile, composeEnvironment } = settings;
  const secretFiles = [basename(secretsFile), ...SECRET_FILES.filter((file) => file !== basename(secretsFile))];
  for (const file of secretFiles)
    if (existsSync(join(secretsFolder, file)))
      files.push(
        await copyFile(join(secretsFolder, file), root, `${BACKUP_PARTS.secrets}/${toSecretName(file, secretsFile)}`),
      );
  for (const sub of SECRET_FOLDERS)
    if (existsSync(join(secretsFolder, sub))) await addTree(join(secretsFolder, sub), `${BACKUP_PARTS.secrets}/${sub}`);
  if (files.some(({ path }) => path.startsWith(`${BACKUP_PARTS.secrets}/`))) parts.push("secrets");
  const { settings: settingsPart } = BACKUP_PARTS;
  if (configFile !== undefined) files.push(await copyFile(configFile, root, `${settingsPart}/groundcrew.json`));
  if (composeEnvironment !== undefined)
    files.push(await writeText(root, `${settingsPart}/compose.env`, `${composeEnvironment.trimEnd()}\n`));
  else if (existsSync(".env")) files.push(await copyFile(".env", root, `${settingsPart}/.env`));
  if (files.some(({ path }) => path.startsWith(`${settingsPart}/`))) parts.push("settings");
  if (parts.length === 0) throw createBackupError("There is nothing to back up: no store, no secrets, no database.");

  const sums = await writeText(root, CHECKSUMS_FILE, formatChecksums(files));
  const manifest: BackupManifest = {
    kind: "groundcrew-backup",
    format: BACKUP_FORMAT,
    name,
    began: new Date(began).toISOString(),
    ended: new Date(clock()).toISOString(),
    groundcrew: VERSION,
    ...omitUndefined({ plane: settings.plane, postgresql, store: saved?.store }),
    parts,
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    checksums: sums.hash,
  };
  await writeText(root, MANIFEST_FILE, `${JSON.stringify(manifest, undefined, 2)}\n`);
  await syncTree(root);
  return { manifest, skipped };
}

async function saveDatabase(
  { databaseUrl, env }: BackupSettings,
  dump: AsyncIterable<Uint8Array> | undefined,
  root: string,
  files: WrittenFile[],
): Promise<BackupManifest["postgresql"]> {
  if (dump === undefined && databaseUrl === undefined) return undefined;
  const path = BACKUP_PARTS.database;
  files.push(
    dump === undefined
      ? await dumpDatabase({ url: databaseUrl ?? "", env }, root, path)
      : await receiveDump(dump, root, path),
  );
  const versions = readDumpHeader(await readStart(join(root, path), DUMP_HEADER_BYTES));
  if (!versions) throw createBackupError("What was dumped is not in pg_dump's custom format.");
  return versions;
}

function toSecretName(file: string, secretsFile: string): string {
  return file === basename(secretsFile) ? SECRETS_NAME : file;
}

async function syncTree(root: string): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true }))
    if (entry.isDirectory()) await syncFolder(join(entry.parentPath, entry.name));
  await syncFolder(root);
}

async function removeExpired(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { withFileTypes: true })).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );
  const complete: string[] = [];
  for (const name of names)
    if (await stat(join(folder, name, MANIFEST_FILE)).catch(() => undefined)) complete.push(name);
  const expired = findExpiredBackups(complete);
  for (const name of expired) {
    // Under another name first, so that a run that is killed leaves no half of a backup under its own.
    await rename(join(folder, name), join(folder, PARTIAL_PREFIX + name));
    await rm(join(folder, PARTIAL_PREFIX + name), { recursive: true, force: true });
  }
  return expired;
}

/**
 * Makes a backup: Plane's database, its uploads, the store, secrets and settings go into a partial folder, which gets
 * its name when all is on the disk. Expired ones are removed, and a command of the operator's runs afterwards.
 */

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Ms } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import type { StatusLine } from "../node/process.ts";
import { waitForProgram } from "../node/programs.ts";
import type { BackupSettings } from "./backup-settings.ts";
import { describeFileError, type SavedPart, syncFolder, type WrittenFile, writeText } from "./files.ts";
import {
  BACKUP_FORMAT,
  BackupError,
  type BackupManifest,
  type BackupPart,
  CHECKSUMS_FILE,
  type Checksum,
  createBackupError,
  formatBackupName,
  formatChecksums,
  MANIFEST_FILE,
  parseChecksums,
} from "./manifest.ts";
import { PARTS } from "./parts.ts";
import { findExpiredBackups, listCompleteBackups } from "./stored-backups.ts";

/** A backup that was made: its folder, its manifest, older ones that were removed, and links that were not copied. */
export type CreatedBackup = Awaited<ReturnType<typeof createBackup>>;

interface CreateBackupOptions {
  /** Absolute path of the folder with all backups. The caller has locked it. */
  folder: string;
  clock: () => Ms;
  /** A dump of the database that another program writes, instead of the one by `databaseUrl`. */
  dump?: AsyncIterable<Uint8Array>;
  /** Parts that a person leaves out. */
  without?: readonly BackupPart[];
  /** Whether a timer makes it. */
  scheduled?: boolean;
  status?: Pick<StatusLine, "show" | "noteStep"> | undefined;
}

/** Prefix of the folder of a backup that is not complete. It is renamed at the end and is never restored. */
const PARTIAL_PREFIX = ".partial-";

/**
 * Makes a backup in a folder of its own, then removes those that are not kept any longer. Throws when any part fails;
 * nothing of the attempt stays.
 */
export async function createBackup(settings: BackupSettings, options: CreateBackupOptions) {
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
  { folder, clock, dump, without = [], scheduled = false, status }: CreateBackupOptions,
  { root, name }: { root: string; name: string },
) {
  const began = clock();
  const files: WrittenFile[] = [];
  const skipped: string[] = [];
  const parts: BackupPart[] = [];
  let facts: SavedPart["facts"];
  for (const part of PARTS) {
    if (without.includes(part.name)) continue;
    status?.show(`backup: ${part.name}`);
    const saved = await part.save(settings, { root, ...omitUndefined({ dump }) });
    if (!saved) continue;
    status?.noteStep(`backup: ${part.name} saved`);
    parts.push(part.name);
    files.push(...saved.files);
    skipped.push(...(saved.skipped ?? []));
    facts = { ...facts, ...saved.facts };
  }
  if (parts.length === 0) throw createBackupError("There is nothing to back up: no store, no secrets, no database.");
  requireKnownParts(folder, files, without);

  const sums = await writeText(root, CHECKSUMS_FILE, formatChecksums(files));
  const manifest: BackupManifest = {
    kind: "groundcrew-backup",
    format: BACKUP_FORMAT,
    name,
    began: new Date(began).toISOString(),
    ended: new Date(clock()).toISOString(),
    groundcrew: VERSION,
    ...omitUndefined({ plane: settings.plane }),
    ...facts,
    parts,
    without: [...without],
    scheduled,
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    checksums: sums.hash,
  };
  await writeText(root, MANIFEST_FILE, `${JSON.stringify(manifest, undefined, 2)}\n`);
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true }))
    if (entry.isDirectory()) await syncFolder(join(entry.parentPath, entry.name));
  await syncFolder(root);
  return { manifest, skipped };
}

/**
 * Throws when a part has no file although the last backup has some of it: a folder that is not mounted is empty, and a
 * setting that was lost names nothing. The last one that a timer made counts, because a person may leave parts out.
 */
function requireKnownParts(folder: string, files: readonly WrittenFile[], without: readonly BackupPart[]): void {
  const complete = listCompleteBackups(folder);
  const before = complete.find(({ scheduled }) => scheduled) ?? complete[0];
  if (!before) return;
  let known: Checksum[] = [];
  // One that was damaged is no reason to make none.
  try {
    known = parseChecksums(readFileSync(join(folder, before.name, CHECKSUMS_FILE), "utf8"));
  } catch {}
  const lost = PARTS.filter(({ name, owns }) => {
    const hasFiles = (list: readonly Checksum[]) => list.some(({ path }) => owns(path));
    return !without.includes(name) && hasFiles(known) && !hasFiles(files);
  }).map(({ name }) => name);
  if (lost.length > 0)
    throw createBackupError(
      `No backup was made: it would have no ${lost.join(", no ")}, which ${before.name} has. Is a folder not mounted, or a setting lost? To leave a part out use --without ${lost[0]}.`,
    );
}

async function removeExpired(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => existsSync(join(folder, name, MANIFEST_FILE)));
  const scheduled = new Set(listCompleteBackups(folder).flatMap((one) => (one.scheduled ? [one.name] : [])));
  const expired = [true, false].flatMap((kind) => findExpiredBackups(names.filter((n) => scheduled.has(n) === kind)));
  for (const name of expired) {
    // Under another name first, so that a run that is killed leaves no half of a backup under its own.
    await rename(join(folder, name), join(folder, PARTIAL_PREFIX + name));
    await rm(join(folder, PARTIAL_PREFIX + name), { recursive: true, force: true });
  }
  return expired;
}

/**
 * Runs the program of BACKUP_AFTER, without a shell, with `{backup}`, `{folder}` and `{name}` replaced in its
 * arguments. Its output goes to standard error. Throws when it fails; the backup stays.
 */
export async function runAfterBackup(
  after: readonly string[],
  { backup, folder, env }: { backup: string; folder: string; env: Record<string, string> },
): Promise<void> {
  const values: Record<string, string> = { "{backup}": backup, "{folder}": folder, "{name}": basename(backup) };
  const [program, ...args] = after.map((word) =>
    word.replaceAll(/\{(backup|folder|name)\}/g, (name) => values[name] ?? name),
  );
  if (program === undefined) return;
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.pipe(process.stderr, { end: false });
  const failure = await waitForProgram(child, (code, signal) =>
    signal === null ? `exit code ${code}` : `ended by ${signal}`,
  );
  if (failure !== undefined)
    throw createBackupError(`The backup ${backup} was made, but BACKUP_AFTER failed (${program}: ${failure}).`);
}

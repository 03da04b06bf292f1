import { lstat } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  anyManifestSchema,
  BACKUP_FORMAT,
  BACKUP_PARTS,
  type BackupManifest,
  backupManifestSchema,
  CHECKSUMS_FILE,
  MANIFEST_FILE,
} from "../../shared/backup/backup-manifest.ts";
import { type Checksum, parseChecksums } from "../../shared/backup/checksum-list.ts";
import { findPart } from "../../shared/backup/known-files.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { BackupError, createRefusal } from "./backup-error.ts";
import { getErrorCode, hashFile, openRegularFile, walkFolder } from "./copy-files.ts";
import { DUMP_HEADER_BYTES, readDumpHeader } from "./dump-header.ts";
import { readStart } from "./read-start.ts";
import { checkStoreCopy, checkStoreFormatNumber } from "./sqlite-backup.ts";

/** A backup that is complete and sound. */
export interface VerifiedBackup {
  path: string;
  manifest: BackupManifest;
  /** All files except the manifest and the list itself. */
  files: Checksum[];
}

/** Limit of a manifest: 64 KiB, more than a hundred times its size. */
const MAX_MANIFEST_BYTES = 65_536;

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
    const files = await verifyFiles(path, manifest);
    await verifyParts(path, manifest, files);
    return { path, manifest, files };
  } catch (thrown) {
    if (thrown instanceof BackupError) throw thrown;
    throw createRefusal(`The backup ${path} cannot be read: ${getErrorMessage(thrown)}.`);
  }
}

/** Reads the manifest of a backup's folder. Throws a BackupError when it is none that this version can read. */
export async function readManifest(path: string): Promise<BackupManifest> {
  const bytes = await readStart(join(path, MANIFEST_FILE), MAX_MANIFEST_BYTES).catch((thrown: unknown) => {
    if (getErrorCode(thrown) !== "ENOENT") throw thrown;
    throw createRefusal(`${path} is not a complete backup of Groundcrew: it has no ${MANIFEST_FILE}.`);
  });
  const content = parseJson(Buffer.from(bytes).toString("utf8"));
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function verifyFiles(path: string, manifest: BackupManifest): Promise<Checksum[]> {
  const damaged = (reason: string) => createRefusal(`The backup ${path} is damaged: ${reason}.`);
  const listPath = join(path, CHECKSUMS_FILE);
  const text = await readText(listPath).catch(() => undefined);
  if (text === undefined) throw damaged(`${CHECKSUMS_FILE} is missing`);
  if ((await hashFile(listPath)) !== manifest.checksums) throw damaged(`${CHECKSUMS_FILE} was changed`);
  const files = parseChecksums(text);
  const expected = new Map(files.map((file) => [file.path, file.hash]));
  if (files.length !== manifest.files) throw damaged("the number of files is not that of the manifest");
  for (const { path: name } of files) {
    const part = findPart(name);
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

async function verifyParts(path: string, manifest: BackupManifest, files: readonly Checksum[]): Promise<void> {
  const { store, parts } = manifest;
  const has = (file: string) => files.some((one) => one.path === file);
  if (parts.includes("database")) {
    if (!has(BACKUP_PARTS.database)) throw createRefusal(`The backup ${path} lacks its database.`);
    if (!readDumpHeader(await readStart(join(path, BACKUP_PARTS.database), DUMP_HEADER_BYTES)))
      throw createRefusal(`The database in ${path} is not a dump of pg_dump.`);
  }
  if (!parts.includes("store")) return;
  const file = store?.engine === "redis" ? BACKUP_PARTS.redisStore : BACKUP_PARTS.sqliteStore;
  if (!store || !has(file)) throw createRefusal(`The backup ${path} lacks its store.`);
  checkStoreFormatNumber(store.format, manifest.groundcrew);
  if (store.engine === "sqlite" && checkStoreCopy(join(path, file)) !== store.format)
    throw createRefusal(`The store in ${path} does not have the format that its manifest names.`);
}

async function readText(path: string): Promise<string> {
  const file = await openRegularFile(path);
  try {
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

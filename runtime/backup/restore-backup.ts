/**
 * Verifies a backup file by file and restores it. Nothing is changed before all that is restored has been checked, and
 * what is replaced is moved aside.
 */

import { existsSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { basename, join } from "node:path";
import { findErrorCode, getErrorMessage } from "../../shared/errors.ts";
import { tryParseJson } from "../../shared/text.ts";
import type { StatusLine } from "../node/process.ts";
import type { BackupSettings } from "./backup-settings.ts";
import { hashFile, readStart, walkFolder, withRegularFile } from "./files.ts";
import {
  anyManifestSchema,
  BACKUP_FORMAT,
  BackupError,
  type BackupManifest,
  type BackupPart,
  backupManifestSchema,
  CHECKSUMS_FILE,
  type Checksum,
  createRefusal,
  MANIFEST_FILE,
  parseChecksums,
  type VerifiedBackup,
} from "./manifest.ts";
import { getAsideFolder, PARTS, PARTS_TO_RESTORE } from "./parts.ts";

interface RestoreOptions {
  parts: ReadonlySet<BackupPart>;
  /** Ends the names of what is moved aside: when the restore began. */
  name: string;
  status?: Pick<StatusLine, "show" | "noteStep"> | undefined;
}

/** Limit of a manifest: 64 KiB, more than a hundred times its size. */
const MAX_MANIFEST_BYTES = 65_536;

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

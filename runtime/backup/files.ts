/** Files of a backup: copied, hashed and synced to the disk while they are written. */

import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, chown, type FileHandle, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { findErrorCode, getErrorMessage } from "../../shared/errors.ts";
import { hashChunks } from "../node/crypto.ts";
import { type BackupManifest, type Checksum, createBackupError } from "./manifest.ts";

/** Mode and owner of a file, as numbers. */
export interface FileOwner {
  mode: number;
  uid: number;
  gid: number;
}

/** A file that was written, for the list of checksums; a copy with mode and owner of what it was copied from. */
export interface WrittenFile extends Checksum {
  bytes: number;
  owner?: FileOwner;
}

/** What was saved of a part: its files, what was left out of them, and what the manifest says about it. */
export interface SavedPart {
  files: WrittenFile[];
  skipped?: string[];
  facts?: Pick<BackupManifest, "store" | "postgresql">;
}

/** Reads a regular file with `use`; refuses symbolic links. Rejects with Node's error when it does not exist. */
export async function withRegularFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  // O_NONBLOCK, because opening a named pipe would otherwise wait for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((thrown) => {
    if (findErrorCode(thrown) === "ELOOP")
      throw createBackupError(`${path} is a symbolic link, and links are not followed: use the file itself.`);
    throw thrown;
  });
  try {
    if (!(await file.stat()).isFile()) throw createBackupError(`${path} is not a regular file.`);
    return await use(file);
  } finally {
    await file.close();
  }
}

/**
 * Writes a stream to a new file of mode 0600 and syncs it. `path`: below `root`, with `/`. Rejects when the file exists
 * or cannot be written.
 */
export async function writeStream(root: string, path: string, source: AsyncIterable<Uint8Array>): Promise<WrittenFile> {
  const target = join(root, path);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await open(target, "wx", 0o600);
  try {
    await file.writeFile(
      (async function* () {
        for await (const chunk of source) {
          hash.update(chunk);
          bytes += chunk.byteLength;
          yield chunk;
        }
      })(),
    );
    await file.sync();
  } finally {
    await file.close();
  }
  return { path, hash: hash.digest("hex"), bytes };
}

/** Copies a regular file to a new one of mode 0600 below `root`. */
export async function copyFile(source: string, root: string, path: string): Promise<WrittenFile> {
  return withRegularFile(source, async (file) => {
    const { mode, uid, gid } = await file.stat();
    const written = await writeStream(root, path, file.createReadStream());
    return { ...written, owner: { mode: mode & 0o777, uid, gid } };
  });
}

/**
 * Puts a copy of a file with this hash to `target`, complete or not at all. `prepare` runs before it replaces what is
 * there, with the path of the complete copy.
 */
export async function placeFile(
  source: string,
  { target, hash }: { target: string; hash: string },
  prepare: (copy: string) => Promise<void>,
): Promise<void> {
  const folder = dirname(target);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `.${basename(target).slice(0, 100)}.restore-${randomBytes(6).toString("hex")}`;
  const copy = join(folder, temporary);
  try {
    const written = await copyFile(source, folder, temporary);
    if (written.hash !== hash) throw createBackupError(`${source} changed during the restore: run it again.`);
    await prepare(copy);
    await rename(copy, target);
  } catch (thrown) {
    await rm(copy, { force: true });
    throw thrown;
  }
  await syncFolder(folder);
}

/** Writes a text to a new file of mode 0600 below `root`. */
export async function writeText(root: string, path: string, text: string): Promise<WrittenFile> {
  return writeStream(root, path, Readable.from([Buffer.from(text)]));
}

/**
 * Copies the regular files of a folder and of those in it, whose path below it is accepted, to `path` below `root`. A
 * file that disappears meanwhile is left out. `skipped`: symbolic links and special files, which are not copied, by
 * their paths below the folder.
 */
export async function copyTree(
  folder: string,
  { root, path, accepts }: { root: string; path: string; accepts: (name: string) => boolean },
) {
  const copied: { files: WrittenFile[]; skipped: string[] } = { files: [], skipped: [] };
  for await (const { name, isFile } of walkFolder(folder)) {
    if (!accepts(name)) continue;
    if (!isFile) {
      copied.skipped.push(name);
      continue;
    }
    try {
      copied.files.push(await copyFile(join(folder, name), root, `${path}/${name}`));
    } catch (thrown) {
      if (findErrorCode(thrown) !== "ENOENT") throw thrown;
    }
  }
  return copied;
}

/** Yields the files below a folder by their paths with `/`, in order; `isFile` is false for links and special files. */
export async function* walkFolder(folder: string, below = ""): AsyncGenerator<{ name: string; isFile: boolean }> {
  const entries = await readdir(join(folder, below), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    // Node replaces bytes that are not UTF-8, so such a name could not be opened or restored.
    if (entry.name.includes("\uFFFD"))
      throw createBackupError(`${join(folder, below)} contains a file whose name is not UTF-8: rename it.`);
    const name = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* walkFolder(folder, name);
    else yield { name, isFile: entry.isFile() };
  }
}

/** Gives a file its mode, and its owner where the process may: only root gives a file to someone else. */
export async function setOwner(path: string, { mode, uid, gid }: FileOwner): Promise<void> {
  await chmod(path, mode);
  if (process.getuid?.() === 0) await chown(path, uid, gid);
}

/** Creates a folder and those above it with mode 0700 for this owner; folders that exist stay as they are. */
export async function makeOwnedFolder(path: string, owner: FileOwner): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made))
    await setOwner(made, { ...owner, mode: 0o700 });
}

/** Hashes a file and returns its SHA-256 in hex. */
export async function hashFile(path: string): Promise<string> {
  return withRegularFile(path, (file) => hashChunks(file.createReadStream()));
}

/** Syncs a folder, so that files that were created or renamed in it survive a power failure. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Describes why files could not be read or written. */
export function describeFileError(thrown: unknown): string {
  if (findErrorCode(thrown) === "ENOSPC") return "the disk is full (ENOSPC): free space and run the same command again";
  if (findErrorCode(thrown) === "EDQUOT") return "the quota of the disk is used up (EDQUOT)";
  return getErrorMessage(thrown);
}

/** Reads the beginning of a file, `length` bytes at most. */
export async function readStart(path: string, length: number): Promise<Uint8Array> {
  return withRegularFile(path, async (file) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  });
}

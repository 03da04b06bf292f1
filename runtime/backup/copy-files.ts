import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Checksum } from "../../shared/backup/checksum-list.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { hashChunks } from "../node/hash-chunks.ts";
import { createBackupError } from "./backup-error.ts";

/** A file that was written, for the list of checksums. */
export interface WrittenFile extends Checksum {
  bytes: number;
}

/** What was copied of a folder. */
export interface CopiedTree {
  files: WrittenFile[];
  /** Symbolic links and special files, which are not copied, by their paths below the folder. */
  skipped: string[];
}

/** Opens a regular file for reading; refuses symbolic links. Rejects with Node's error when it does not exist. */
export async function openRegularFile(path: string): Promise<FileHandle> {
  // O_NONBLOCK, because opening a named pipe would otherwise wait for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((thrown) => {
    if (getErrorCode(thrown) === "ELOOP")
      throw createBackupError(`${path} is a symbolic link, and links are not followed: use the file itself.`);
    throw thrown;
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw createBackupError(`${path} is not a regular file.`);
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
  const file = await openRegularFile(source);
  try {
    return await writeStream(root, path, file.createReadStream());
  } finally {
    await file.close();
  }
}

/** Writes a text to a new file of mode 0600 below `root`. */
export async function writeText(root: string, path: string, text: string): Promise<WrittenFile> {
  return writeStream(
    root,
    path,
    (async function* () {
      yield Buffer.from(text);
    })(),
  );
}

/**
 * Copies the regular files of a folder and of those in it to `path` below `root`. Symbolic links are not followed. A
 * file that disappears meanwhile is left out.
 */
export async function copyTree(folder: string, root: string, path: string): Promise<CopiedTree> {
  const copied: CopiedTree = { files: [], skipped: [] };
  for await (const { name, isFile } of walkFolder(folder)) {
    if (!isFile) {
      copied.skipped.push(name);
      continue;
    }
    try {
      copied.files.push(await copyFile(join(folder, name), root, `${path}/${name}`));
    } catch (thrown) {
      if (getErrorCode(thrown) !== "ENOENT") throw thrown;
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

/** Hashes a file and returns its SHA-256 in hex. */
export async function hashFile(path: string): Promise<string> {
  const file = await openRegularFile(path);
  try {
    return await hashChunks(file.createReadStream());
  } finally {
    await file.close();
  }
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

export function getErrorCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : undefined;
}

/** Describes why files could not be read or written. */
export function describeFileError(thrown: unknown): string {
  if (getErrorCode(thrown) === "ENOSPC") return "the disk is full (ENOSPC): free space and run the same command again";
  if (getErrorCode(thrown) === "EDQUOT") return "the quota of the disk is used up (EDQUOT)";
  return getErrorMessage(thrown);
}

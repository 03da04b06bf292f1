import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, join, relative, resolve } from "node:path";
import { isUrl } from "../../shared/work/deliverables/check-file.ts";
import { createUsageError } from "./command-error.ts";

export interface OpenedFile {
  file: FileHandle;
  name: string;
  /** Bytes. */
  size: number;
}

/**
 * Opens a regular file below the folder; refuses symbolic and hard links. The checks apply to the open file, so it cannot
 * be replaced between check and reading.
 */
export async function openFileBelow(folder: string, input: string): Promise<OpenedFile> {
  if (isUrl(input)) throw createUsageError(`--file is a URL, and URLs are not fetched: give a file below ${folder}.`);
  if (input.includes("\0")) throw createUsageError("--file contains a NUL character.");
  const root = await realpath(folder);
  const path = relative(root, resolve(root, input));
  if (path === "" || path === ".." || /^\.\.[\\/]/.test(path) || isAbsolute(path))
    throw createUsageError(`${input} is not below ${root}: only files below the current folder are read.`);
  const absolutePath = join(root, path);
  const file = await openWithoutLinks(absolutePath, input);
  try {
    const [fileStats, pathStats, realPath] = await Promise.all([
      file.stat(),
      stat(absolutePath),
      realpath(absolutePath),
    ]);
    if (!fileStats.isFile()) throw createUsageError(`${input} is not a regular file.`);
    if (realPath !== absolutePath || pathStats.ino !== fileStats.ino || pathStats.dev !== fileStats.dev)
      throw createUsageError(
        `${input} leads through a symbolic link: only real files below the current folder are read.`,
      );
    if (fileStats.nlink > 1)
      throw createUsageError(`${input} is a hard link: the same file has another name elsewhere. Copy it first.`);
    return { file, name: basename(absolutePath), size: fileStats.size };
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

async function openWithoutLinks(path: string, input: string): Promise<FileHandle> {
  try {
    // O_NONBLOCK, because opening a named pipe would otherwise wait for a writer.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "it cannot be read";
    if (code === "ELOOP" || code === "EMLINK")
      throw createUsageError(`${input} is a symbolic link: only real files below the current folder are read.`);
    throw createUsageError(code === "ENOENT" ? `File ${input} does not exist.` : `${input} cannot be read (${code}).`);
  }
}

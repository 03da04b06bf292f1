import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, join, relative, resolve } from "node:path";
import { isUrl } from "../../shared/work/deliverable.ts";
import { usage } from "./end.ts";

export interface Opened {
  file: FileHandle;
  name: string;
  /** Bytes. */
  size: number;
}

/**
 * Opens a regular file below the folder, through no link of any kind. What is checked is the open file itself, so
 * nothing can be put in its place between the check and the reading.
 */
export async function openBelow(folder: string, given: string): Promise<Opened> {
  if (isUrl(given)) throw usage(`--file is an address, and nothing is fetched: give a file below ${folder}.`);
  if (given.includes("\0")) throw usage("--file has a NUL in it.");
  const root = await realpath(folder);
  const path = relative(root, resolve(root, given));
  if (path === "" || path === ".." || /^\.\.[\\/]/.test(path) || isAbsolute(path))
    throw usage(`${given} is not below ${root}: only files below the current folder are read.`);
  const place = join(root, path);
  const file = await opened(place, given);
  try {
    const [is, there, real] = await Promise.all([file.stat(), stat(place), realpath(place)]);
    if (!is.isFile()) throw usage(`${given} is no regular file.`);
    if (real !== place || there.ino !== is.ino || there.dev !== is.dev)
      throw usage(`${given} leads through a symbolic link: only real files below the current folder are read.`);
    if (is.nlink > 1) throw usage(`${given} is a hard link: the same file has another name elsewhere. Copy it first.`);
    return { file, name: basename(place), size: is.size };
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

async function opened(place: string, given: string): Promise<FileHandle> {
  try {
    // Without blocking, or a pipe would be waited for.
    return await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "it cannot be read";
    if (code === "ELOOP" || code === "EMLINK")
      throw usage(`${given} is a symbolic link: only real files below the current folder are read.`);
    throw usage(code === "ENOENT" ? `There is no file ${given}.` : `${given} cannot be read (${code}).`);
  }
}

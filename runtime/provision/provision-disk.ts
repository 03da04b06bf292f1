import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Disk } from "../../functions/provision/secrets-file.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createPathPins, isMissing, type PinnedFolder } from "./path-pins.ts";

/** Limit of a file that provision reads: 16 MiB, hundreds of times the secrets of a large team. */
const MAX_FILE_BYTES = 16 * 2 ** 20;

/**
 * Creates access to the local disk for one run of provision. A symbolic link is followed, so that secrets may be stored
 * on another volume. One to a missing file is refused, because that volume may not be mounted. What a path led to at its
 * first use holds for the whole run: a file or folder that another process replaces meanwhile by a link, or a folder by
 * another one, is refused and never written to.
 */
export function createProvisionDisk(): Disk {
  const pins = createPathPins();
  return {
    async read(path, forbiddenMode = 0) {
      const folder = await pins.openFolder(path);
      if (!folder) return undefined;
      try {
        return await readFrom(folder, path, forbiddenMode);
      } finally {
        await folder.handle.close();
      }
    },
    async write(path, text, mode) {
      await mkdir((await pins.resolve(path)).folder, { recursive: true, mode: 0o700 });
      const folder = await pins.openFolder(path);
      if (!folder) throw createReplacedError(path);
      try {
        await writeInto(folder, path, text, mode);
        // Syncs the folder, so that the rename survives a power failure.
        await folder.handle.sync();
      } finally {
        await folder.handle.close();
      }
    },
  };
}

/** The same without memory between two calls: for the runtime, during which people may move the files. */
export const provisionDisk: Disk = {
  read: (...args) => createProvisionDisk().read(...args),
  write: (...args) => createProvisionDisk().write(...args),
};

async function readFrom({ base, name }: PinnedFolder, path: string, forbiddenMode: number) {
  // Without O_NONBLOCK a pipe in place of the file would stop provision for ever.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(join(base, name), flags).catch((thrown: unknown) => {
    if (isMissing(thrown)) return undefined;
    throw isLink(thrown) ? createReplacedError(path) : thrown;
  });
  if (!file) return undefined;
  try {
    const stats = await file.stat();
    const mode = stats.mode & 0o777;
    if (!stats.isFile()) throw createFileError(path, "is not a regular file: move it away");
    if (mode & forbiddenMode)
      throw createFileError(path, `has mode ${mode.toString(8).padStart(4, "0")}, wanted 0600: chmod 600 ${path}`);
    if (stats.size > MAX_FILE_BYTES)
      throw createFileError(path, `has ${stats.size} bytes, more than ${MAX_FILE_BYTES}: move it away`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

async function writeInto({ base, name }: PinnedFolder, path: string, text: string, mode: number) {
  const temporaryPath = join(base, `.${name}.${randomBytes(6).toString("hex")}`);
  try {
    const file = await open(temporaryPath, "wx", mode);
    try {
      // Restores the permissions that the umask removed.
      await file.chmod(mode);
      await file.writeFile(text);
      await file.sync();
      await rename(temporaryPath, join(base, name));
      if (!(await isSameFile(file, join(base, name)))) throw createReplacedError(path);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    await rm(temporaryPath, { force: true });
    throw thrown;
  }
}

/** Whether the path is this opened file itself. Another process may have put its own file in place of the temporary one. */
async function isSameFile(file: FileHandle, path: string): Promise<boolean> {
  const [ours, found] = [await file.stat(), await lstat(path).catch(() => undefined)];
  return found?.dev === ours.dev && found.ino === ours.ino && found.mode === ours.mode;
}

const isLink = (thrown: unknown) => thrown instanceof Error && "code" in thrown && thrown.code === "ELOOP";

const createFileError = (path: string, problem: string) => new GroundcrewError("bad_request", `${path} ${problem}.`);

function createReplacedError(path: string): GroundcrewError {
  return new GroundcrewError(
    "conflict",
    `${path} was replaced by another process while provision used it. Find out which process did so, check the file, and run the same command again.`,
  );
}

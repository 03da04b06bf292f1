import { constants, existsSync } from "node:fs";
import { type FileHandle, lstat, open, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { GroundcrewError } from "../../shared/errors.ts";

/** The opened folder of a file. `base` leads to the folder even when another process renames or replaces it. */
export interface PinnedFolder {
  handle: FileHandle;
  base: string;
  /** The file's name in it. */
  name: string;
}

/** Linux addresses opened folders here; elsewhere the folder's path must do, right after the check. */
const OPENED_FILES = "/proc/self/fd";

/**
 * Remembers what each path led to at its first use: the real path of its file, and the identity of the folder. Throws a
 * GroundcrewError when a path leads to another place later, because another process then replaced a part of it.
 */
export function createPathPins() {
  const realPaths = new Map<string, string>();
  const folderIds = new Map<string, string>();

  async function resolvePath(path: string): Promise<{ folder: string; name: string }> {
    const real = await findRealPath(resolve(path));
    const pinned = realPaths.get(path) ?? real;
    if (real !== pinned) throw createMovedError(path, `it now leads to ${real}`);
    realPaths.set(path, pinned);
    return { folder: dirname(pinned), name: basename(pinned) };
  }

  return {
    resolve: resolvePath,
    /** Opens the folder of the file; undefined when it does not exist. */
    async openFolder(path: string): Promise<PinnedFolder | undefined> {
      const { folder, name } = await resolvePath(path);
      const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
      const handle = await open(folder, flags).catch((thrown: unknown) => {
        if (isMissing(thrown) && !folderIds.has(folder)) return undefined;
        throw isReplacedFolder(thrown) ? createMovedError(path, `${folder} is no longer a folder`) : thrown;
      });
      if (!handle) return undefined;
      const { dev, ino, mode } = await handle.stat();
      const id = `${dev}:${ino}`;
      const problem =
        (folderIds.get(folder) ?? id) === id
          ? describeUnsafeMode(folder, mode)
          : createMovedError(path, `${folder} is another folder now`);
      if (problem) {
        await handle.close();
        throw problem;
      }
      folderIds.set(folder, id);
      const base = `${OPENED_FILES}/${handle.fd}`;
      return { handle, base: existsSync(base) ? base : folder, name };
    },
  };
}

export const isMissing = (thrown: unknown) => getErrorCode(thrown) === "ENOENT";

const getErrorCode = (thrown: unknown) => (thrown instanceof Error && "code" in thrown ? thrown.code : undefined);

const isReplacedFolder = (thrown: unknown) => ["ENOENT", "ENOTDIR", "ELOOP"].includes(String(getErrorCode(thrown)));

/** In a folder that everyone may write to, everyone may replace the files. The sticky bit, as in /tmp, prevents that. */
function describeUnsafeMode(folder: string, mode: number): GroundcrewError | undefined {
  if (!(mode & 0o002) || mode & 0o1000) return undefined;
  return new GroundcrewError(
    "bad_request",
    `Every user may replace files in ${folder} (mode ${(mode & 0o777).toString(8).padStart(4, "0")}): chmod o-w ${folder}`,
  );
}

/**
 * The path without symbolic links. The parts that do not exist yet are kept as they are. Throws when the file is a link
 * to a missing file.
 */
async function findRealPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown;
    if (await isSymbolicLink(path))
      throw new GroundcrewError(
        "bad_request",
        `${path} is a symbolic link to a file that does not exist: create that file (for JSON with the content {}) with mode 0600, or remove the link.`,
        { cause: thrown },
      );
    return join(await findRealPath(dirname(path)), basename(path));
  }
}

async function isSymbolicLink(path: string): Promise<boolean> {
  const stats = await lstat(path).catch((thrown: unknown) => {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  });
  return stats?.isSymbolicLink() ?? false;
}

function createMovedError(path: string, what: string): GroundcrewError {
  return new GroundcrewError(
    "conflict",
    `${path} was replaced by another process while provision was running: ${what}. Nothing was written there. Find out which process did so, restore the path, and run the same command again.`,
  );
}

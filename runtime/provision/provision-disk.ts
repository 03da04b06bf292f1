import { randomBytes } from "node:crypto";
import { lstat, mkdir, open, readFile, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Disk } from "../../functions/provision/secrets-file.ts";
import { GroundcrewError } from "../../shared/errors.ts";

/**
 * The local disk, as provision reads and writes it. A symbolic link is followed, so that secrets may be stored on another
 * volume. One to a missing file is refused, because that volume may not be mounted.
 */
export const provisionDisk: Disk = {
  async read(path) {
    return readFile(path, "utf8").catch((thrown: unknown) => requireAbsent(path, thrown));
  },
  async write(path, text, mode) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // Replaces the target of a symbolic link, not the link itself.
    const real = (await realpath(path).catch((thrown: unknown) => requireAbsent(path, thrown))) ?? path;
    const folder = dirname(real);
    const temporaryPath = join(folder, `.${basename(real)}.${randomBytes(6).toString("hex")}`);
    try {
      const file = await open(temporaryPath, "wx", mode);
      try {
        // Restores the permissions that the umask removed.
        await file.chmod(mode);
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporaryPath, real);
    } catch (thrown) {
      await rm(temporaryPath, { force: true });
      throw thrown;
    }
    // Syncs the folder, so that the rename survives a power failure.
    const folderHandle = await open(folder, "r");
    await folderHandle.sync().finally(() => folderHandle.close());
  },
};

/** Returns undefined when the file does not exist; throws when it could not be opened for another reason. */
async function requireAbsent(path: string, thrown: unknown): Promise<undefined> {
  if (!isMissing(thrown)) throw thrown;
  const stats = await lstat(path).catch((cause: unknown) => {
    if (isMissing(cause)) return undefined;
    throw cause;
  });
  if (stats?.isSymbolicLink())
    throw new GroundcrewError(
      "bad_request",
      `${path} is a symbolic link to a file that does not exist: create that file (for JSON with the content {}) with mode 0600, or remove the link.`,
      { cause: thrown },
    );
}

const isMissing = (thrown: unknown) => thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";

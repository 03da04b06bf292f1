import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Disk } from "../../functions/provision/secrets-file.ts";

/** The local disk, as provision reads and writes it. */
export const provisionDisk: Disk = {
  async read(path) {
    return readFile(path, "utf8").catch((thrown: unknown) => {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
      throw thrown;
    });
  },
  async write(path, text, mode) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // Replaces the target of a symbolic link, not the link itself.
    const real = await realpath(path).catch(() => path);
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

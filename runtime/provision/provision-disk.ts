import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Disk } from "../../functions/provision/secrets-file.ts";

/** Files as provision reads and writes them. */
export const provisionDisk: Disk = {
  async read(path) {
    return readFile(path, "utf8").catch((thrown: unknown) => {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
      throw thrown;
    });
  },
  async write(path, text, mode) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // A link stays a link: what it leads to is replaced.
    const real = await realpath(path).catch(() => path);
    const folder = dirname(real);
    const beside = join(folder, `.${basename(real)}.${randomBytes(6).toString("hex")}`);
    try {
      const file = await open(beside, "wx", mode);
      try {
        // Whatever the umask has taken away.
        await file.chmod(mode);
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, real);
    } catch (thrown) {
      await rm(beside, { force: true });
      throw thrown;
    }
    // The new name, too, must outlive a loss of power.
    const names = await open(folder, "r");
    await names.sync().finally(() => names.close());
  },
};

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Checksum } from "../../shared/backup/checksum-list.ts";
import { createBackupError } from "./backup-error.ts";
import { copyFile, hashFile, syncFolder } from "./copy-files.ts";

interface PlacedFile extends Checksum {
  /** Absolute path to which it is restored. */
  target: string;
}

/**
 * Puts files of a verified backup in their places, each complete or not at all. A file that has this content already is
 * left alone; one with another content is moved to `aside` first, if that is given, and replaced otherwise.
 */
export async function restoreFiles(
  root: string,
  files: readonly PlacedFile[],
  aside?: { folder: string; base: string },
): Promise<void> {
  for (const { path, hash, target } of files) {
    if (existsSync(target) && (await hashFile(target)) === hash) continue;
    const folder = dirname(target);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = `.${basename(target).slice(0, 100)}.restore-${randomBytes(6).toString("hex")}`;
    try {
      const written = await copyFile(join(root, path), folder, temporary);
      if (written.hash !== hash) throw createBackupError(`${path} changed during the restore: run it again.`);
      if (aside && existsSync(target)) await moveAside(target, aside);
      await rename(join(folder, temporary), target);
    } catch (thrown) {
      await rm(join(folder, temporary), { force: true });
      throw thrown;
    }
    await syncFolder(folder);
  }
  // Nothing was moved there.
  if (aside) await rmdir(aside.folder).catch(() => {});
}

async function moveAside(target: string, { folder, base }: { folder: string; base: string }): Promise<void> {
  const kept = join(folder, target.startsWith(`${base}/`) ? target.slice(base.length + 1) : basename(target));
  await mkdir(dirname(kept), { recursive: true, mode: 0o700 });
  await rename(target, kept);
}

import { existsSync, lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { GroundcrewError } from "../../shared/errors.ts";
import type { Ms } from "../../shared/time.ts";
import { runFromFile, runToFile } from "./run-with-file.ts";

interface ArchiveOptions {
  /** Absolute paths of the folders. */
  folders: readonly string[];
  env: Record<string, string>;
  timeout: Ms;
}

/** Ending of the folder that a restored one replaces; it is kept for whoever looks for the reason. */
const ASIDE = ".before-rollback";

/** Writes folders into a compressed archive. */
export async function archiveFolders(archive: string, { folders, env, timeout }: ArchiveOptions): Promise<void> {
  const present = folders.filter((path) => existsSync(path)).map((path) => path.slice(1));
  await runToFile("tar", ["-c", "-z", "-f", "-", "-C", "/", "--", ...present], archive, { env, cwd: "/", timeout });
}

/** Replaces folders by those of an archive. What was there is kept beside them until the next time. */
export async function restoreFolders(archive: string, { folders, env, timeout }: ArchiveOptions): Promise<void> {
  for (const path of folders) {
    if (!existsSync(path)) continue;
    if (lstatSync(path).isSymbolicLink())
      throw new GroundcrewError(
        "bad_request",
        `${path} is a link; name the folder itself in the settings of upgrades.`,
      );
    rmSync(path + ASIDE, { recursive: true, force: true });
    renameSync(path, path + ASIDE);
    mkdirSync(path, { mode: 0o700 });
  }
  await runFromFile("tar", ["-x", "-z", "-f", "-", "-p", "-C", "/"], archive, { env, cwd: "/", timeout });
}

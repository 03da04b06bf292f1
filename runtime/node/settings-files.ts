import { closeSync, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { parseEnv } from "node:util";
import type { SettingsFiles } from "../../shared/config/secrets.ts";

/**
 * Reads the files of the settings from the disk. Text, mode and owner come from one opened file, so that a file put in
 * its place meanwhile cannot pass the checks of the other.
 */
export const nodeFiles: SettingsFiles = {
  read(path) {
    const file = openIfPresent(path);
    if (file === undefined) return undefined;
    try {
      const { mode, uid } = fstatSync(file);
      return { text: readFileSync(file, "utf8"), mode: mode & 0o777, isOthers: isOtherUser(uid) };
    } finally {
      closeSync(file);
    }
  },
};

function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw thrown;
  }
}

/** Whether a file's owner is neither this process nor root. Windows has no such numbers. */
function isOtherUser(uid: number): boolean {
  const ownUid = process.getuid?.();
  return ownUid !== undefined && uid !== ownUid && uid !== 0;
}

/** A text that differs whenever the file has changed or was replaced; "" when it does not exist. */
export function getFileFingerprint(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats ? [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(":") : "";
}

/** Reads the environment, which overrides `.env` in the working directory. */
export function readEnvironment(): Record<string, string | undefined> {
  return { ...parseEnv(nodeFiles.read(".env")?.text ?? ""), ...process.env };
}

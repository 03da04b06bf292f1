import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
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
      return { text: readText(file, path), mode: mode & 0o777, isOthers: isOtherUser(uid) };
    } finally {
      closeSync(file);
    }
  },
};

/** Limit of a settings or secrets file: 4 MiB, several times 500 agents with the longest texts. */
const MAX_SETTINGS_BYTES = 4 * 2 ** 20;

/** Size of one read: 64 KiB, more than most of these files have. */
const CHUNK_BYTES = 2 ** 16;

/** Reads at most the limit, because a device or pipe may never end. Throws a RangeError when there is more. */
function readText(file: number, path: string): string {
  const chunks: Buffer[] = [];
  for (let size = 0; size <= MAX_SETTINGS_BYTES; ) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const count = readSync(file, chunk, 0, CHUNK_BYTES, null);
    if (count === 0) return Buffer.concat(chunks, size).toString("utf8");
    chunks.push(chunk.subarray(0, count));
    size += count;
  }
  throw new RangeError(`${path} has more than ${MAX_SETTINGS_BYTES} bytes`);
}

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

/** Reads the settings of an environment, by default this process's, which overrides `.env` in the working directory. */
export function readEnvironment(
  env: Record<string, string | undefined> = process.env,
): Record<string, string | undefined> {
  return { ...parseEnv(nodeFiles.read(".env")?.text ?? ""), ...env };
}

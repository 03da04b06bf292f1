import { readFileSync, statSync } from "node:fs";
import { parseEnv } from "node:util";
import type { SettingsFiles } from "../../shared/config/secrets.ts";

/** Reads the files of the settings from the disk. */
export const nodeFiles: SettingsFiles = {
  read(path) {
    try {
      return { text: readFileSync(path, "utf8"), mode: statSync(path).mode & 0o777 };
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
      throw thrown;
    }
  },
};

/** A text that differs whenever the file has changed or was replaced; "" when it does not exist. */
export function getFileFingerprint(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats ? [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(":") : "";
}

/** Reads the environment, which overrides `.env` in the working directory. */
export function readEnvironment(): Record<string, string | undefined> {
  return { ...parseEnv(nodeFiles.read(".env")?.text ?? ""), ...process.env };
}

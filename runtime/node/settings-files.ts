import { readFileSync, statSync } from "node:fs";
import { parseEnv } from "node:util";
import type { SettingsFiles } from "../../shared/config/secrets.ts";

/** Files as the settings read them. */
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

/** Another text whenever the file is another, also one that was put in its place; "" where there is none. */
export function getFileFingerprint(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats ? [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(":") : "";
}

/** The environment over `.env` in the working directory, if there is one. */
export function readEnvironment(): Record<string, string | undefined> {
  return { ...parseEnv(nodeFiles.read(".env")?.text ?? ""), ...process.env };
}

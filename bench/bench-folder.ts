import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of a bench's own, with a settings file in it. */
export function createBenchFolder(config: object = {}) {
  const path = mkdtempSync(join(tmpdir(), "groundcrew-bench-"));
  const settings = join(path, "config.json");
  writeFileSync(settings, JSON.stringify(config), { mode: 0o600 });
  return {
    path,
    /** The settings that say where everything is. */
    env: { STORE_URL: `file:${path}/store`, GROUNDCREW_CONFIG: settings, SECRETS_FILE: join(path, "secrets.json") },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

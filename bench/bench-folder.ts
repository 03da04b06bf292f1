import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Creates a temporary folder for one bench, with a settings file. */
export function createBenchFolder(config: object = {}) {
  const path = mkdtempSync(join(tmpdir(), "groundcrew-bench-"));
  const settings = join(path, "config.json");
  writeFileSync(settings, JSON.stringify(config), { mode: 0o600 });
  return {
    path,
    /** Settings that point the product to this folder. */
    env: { STORE_URL: `file:${path}/store`, GROUNDCREW_CONFIG: settings, SECRETS_FILE: join(path, "secrets.json") },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

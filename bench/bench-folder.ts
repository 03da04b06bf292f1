import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Creates a temporary folder for one bench, with a settings file. */
export function createBenchFolder(config: object = {}) {
  const path = mkdtempSync(join(tmpdir(), "groundcrew-bench-"));
  const settings = join(path, "config.json");
  // Measurements call faster than any agent may.
  const limits = { wakes: 1e6, comments: 1e6, calls: 1e6 };
  writeFileSync(settings, JSON.stringify({ limits, ...config }), { mode: 0o600 });
  return {
    path,
    /** Settings that point the product to this folder. */
    env: { STORE_URL: `file:${path}/store`, GROUNDCREW_CONFIG: settings, SECRETS_FILE: join(path, "secrets.json") },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

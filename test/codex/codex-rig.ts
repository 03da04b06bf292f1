import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { createModelSimulator } from "../../simulators/model/create-model-simulator.ts";
import { createProductRig } from "../runtime/runner/product-rig.ts";
import { createTestFolder } from "../support/test-folder.ts";

/** The program of Codex, which `run-installed.js` finds. */
export const CODEX = process.env["TEST_CODEX"] ?? "";

/** Codex makes no helpers below /tmp, without which its sandbox does not work; so the runner is elsewhere, too. */
const FOLDER = "/var/tmp";

/** Starts the product with the installed Codex, whose model is a fake one on this machine. */
export async function createCodexRig(options: Parameters<typeof createProductRig>[0] = {}) {
  vi.stubEnv("TMPDIR", FOLDER);
  const model = createModelSimulator();
  const url = await model.start();
  const codexHome = createTestFolder("codex");
  onTestFinished(() => void vi.unstubAllEnvs());
  onTestFinished(() => model.stop());
  const provider = `[model_providers.fake]\nname = "fake"\nbase_url = "${url}/v1"\nwire_api = "responses"\n`;
  const config = `model = "gpt-6-sol"\nmodel_provider = "fake"\n${provider}`;
  writeFileSync(join(codexHome, "config.toml"), config);
  const proxies = { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: "127.0.0.1,localhost" };
  const env = { CODEX_BIN: CODEX, CODEX_HOME: codexHome, ...proxies };
  const rig = await createProductRig({ ...options, cli: "codex", env });
  return { ...rig, codexHome };
}

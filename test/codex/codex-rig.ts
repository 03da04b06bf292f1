import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { createModelSimulator } from "../../simulators/model/create-model-simulator.ts";
import { createProductRig, type ProductRig } from "../runtime/runner/product-rig.ts";

/** The program of Codex, which `run-installed.js` finds. */
export const CODEX = process.env["TEST_CODEX"] ?? "";

/** Codex makes no helpers below /tmp, without which its sandbox does not work; so the runner is elsewhere, too. */
const FOLDER = "/var/tmp";

/** Starts the product with the installed Codex, whose model is a fake one on this machine. */
export async function createCodexRig(options: Parameters<typeof createProductRig>[0] = {}) {
  vi.stubEnv("TMPDIR", FOLDER);
  const model = createModelSimulator();
  const url = await model.start();
  const codexHome = mkdtempSync(join(FOLDER, "codex-"));
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await model.stop();
    // A session that the test has left may still write there while it ends.
    rmSync(codexHome, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
  const provider = `[model_providers.fake]\nname = "fake"\nbase_url = "${url}/v1"\nwire_api = "responses"\n`;
  const config = `model = "gpt-6-sol"\nmodel_provider = "fake"\n${provider}`;
  writeFileSync(join(codexHome, "config.toml"), config);
  const proxies = { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: "127.0.0.1,localhost" };
  const env = { CODEX_BIN: CODEX, CODEX_HOME: codexHome, ...proxies };
  const rig = await createProductRig({ ...options, cli: "codex", env });
  const work = (key: string, name: string) => join(rig.host.runnerFolder, "worktrees", key, name);
  return { ...rig, codexHome, work };
}

/** Waits for a request of this kind that contains a text. */
export async function waitForRequest(rig: ProductRig, kind: string, text: string) {
  const find = async () =>
    (await rig.call("/api/requests")).requests.find(
      (one: { kind: string }) => one.kind === kind && JSON.stringify(one).includes(text),
    );
  await rig.waitFor(find, 120_000).toBeTruthy();
  return find();
}

export const decide = (rig: ProductRig, { id, hash }: { id: string; hash: string }, answer: string, comment?: string) =>
  rig.call(`/api/requests/${id}`, "POST", { answer, hash, ...(comment === undefined ? {} : { comment }) });

export const completion = (text: string) =>
  `call update_task_status ${JSON.stringify({ task: "ONB-1", status: "done", text })}`;

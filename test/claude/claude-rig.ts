import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createModelSimulator } from "../../simulators/model/create-model-simulator.ts";
import { createProductRig } from "../runtime/runner/product-rig.ts";

/** The program of Claude Code, which `run.js` finds. */
export const CLAUDE = process.env["TEST_CLAUDE"] ?? "";
/** No key of anybody; Claude Code only checks that there is one. */
const API_KEY = "sk-ant-api03-key-of-the-fake-model-0123456789";
export type ClaudeRig = Awaited<ReturnType<typeof createClaudeRig>>;

/** Starts the product with the installed Claude Code, which reaches nothing but this machine. */
export async function createClaudeRig(options: Parameters<typeof createProductRig>[0] = {}) {
  const model = createModelSimulator();
  const url = await model.start();
  onTestFinished(() => model.stop());
  const proxies = { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: "127.0.0.1,localhost" };
  const rig = await createProductRig({
    ...options,
    env: {
      ...{ CLAUDE_BIN: CLAUDE, ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: API_KEY, ...proxies },
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    },
  });
  // What a person has answered at the first start of Claude Code on this host.
  const answers = {
    hasCompletedOnboarding: true,
    customApiKeyResponses: { approved: [API_KEY.slice(-20)], rejected: [] },
    projects: { [rig.host.repository]: { hasTrustDialogAccepted: true } },
  };
  writeFileSync(join(rig.host.home, ".claude.json"), JSON.stringify(answers));
  /** The entries of a session's conversation, as Claude Code has stored them. */
  const readTranscript = (key: string) => {
    const folder = join(rig.host.runnerFolder, "sessions", key);
    const own = ["own", ""].map((name) => join(folder, name, "session-start.json")).find((path) => existsSync(path));
    const start = readFileSync(own ?? "", "utf8");
    const lines = readFileSync(JSON.parse(start).transcript_path, "utf8").trim().split("\n");
    return lines.map((line) => JSON.parse(line));
  };
  return { ...rig, model, readTranscript };
}

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { manifest } from "../../../functions/index.ts";
import { createBridgeTokens } from "../../../runtime/node/bridge-tokens.ts";
import { generateSecret } from "../../../runtime/node/crypto.ts";
import { getFileFingerprint, nodeFiles } from "../../../runtime/node/files.ts";
import { acquireProvisionLock, provisionDisk } from "../../../runtime/provision/provision-disk.ts";
import { startRuntime, watchSecrets } from "../../../runtime/start-runtime.ts";
import { readEnvironmentSecrets } from "../../../shared/config/secrets.ts";
import { parseSettings } from "../../../shared/config/settings.ts";
import { wait } from "../../../shared/time.ts";
import { createTestFolder } from "../../support/test-folder.ts";
import { RUNTIME_ADMIN_TOKEN, RUNTIME_ENV } from "../../support/test-runtime.ts";

export const OLD_BRIDGE_TOKEN = "marked-old-bridge-token";
const CREW_FILE = { agents: ["Thot", "Imhotep"].map((name) => ({ name, email: `${name.toLowerCase()}@example.com` })) };
const answerSchema = z.object({ token: z.string().optional(), error: z.object({ message: z.string() }).optional() });

/** Starts the product with its secrets in a real file, which it reloads when it changes. */
export async function startAgentsPageApp(extraEnv: Record<string, string> = {}, disk = provisionDisk) {
  const folder = createTestFolder();
  const path = join(folder, "secrets.json");
  const tokenFile = join(folder, "agents/thot/token");
  writeFileSync(path, JSON.stringify({ ADMIN_TOKEN: RUNTIME_ADMIN_TOKEN, AGENT_TOKEN_THOT: OLD_BRIDGE_TOKEN }), {
    mode: 0o600,
  });
  writeFileSync(join(folder, "crew.json"), JSON.stringify(CREW_FILE));
  const { ADMIN_TOKEN: _, ...rest } = RUNTIME_ENV;
  const env = { ...rest, ...extraEnv, SECRETS_FILE: path, GROUNDCREW_CONFIG: join(folder, "crew.json") };
  const readSettings = () => parseSettings(env, nodeFiles);
  const parsed = readSettings();
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const lines: string[] = [];
  const runtime = await startRuntime(parsed.settings, {
    manifest,
    write: (line) => lines.push(line),
    bridgeTokens: createBridgeTokens({
      secretsFile: path,
      readOverridingSecrets: () => readEnvironmentSecrets(env, path, nodeFiles),
      disk,
      newSecret: generateSecret,
      lock: acquireProvisionLock,
    }),
  });
  onTestFinished(() => runtime.stop());
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  const getFingerprint = () => getFileFingerprint(path);
  void watchSecrets({ running: runtime, readSettings, getFingerprint, wait, signal: stopping.signal, interval: 10 });

  const headers = { authorization: `Bearer ${RUNTIME_ADMIN_TOKEN}` };
  async function postAgents(action: string) {
    const response = await fetch(`${runtime.url}/api/agents/${action}`, { method: "POST", headers });
    const { token = "", error } = answerSchema.parse(await response.json());
    return { status: response.status, token, message: error?.message ?? "", headers: response.headers };
  }
  async function listAgents(): Promise<unknown> {
    return (await fetch(`${runtime.url}/api/agents`, { headers })).json();
  }
  /** Whether the token opens the agent API; listing the tools needs no request to Plane. */
  async function isTokenAccepted(token: string): Promise<boolean> {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${runtime.url}/agent/nothing`, { method: "POST", headers });
    await response.body?.cancel();
    return response.status !== 401;
  }
  const readSecrets = () => z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(path, "utf8")));
  return { url: runtime.url, path, tokenFile, lines, postAgents, listAgents, isTokenAccepted, readSecrets };
}

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { z } from "zod";
import type { Disk } from "../../../functions/provision/kept-secrets.ts";
import { createBridgeTokens } from "../../../runtime/node/bridge-tokens.ts";
import { files, fingerprintOf } from "../../../runtime/node/files.ts";
import { newSecret } from "../../../runtime/node/secret.ts";
import { startRuntime } from "../../../runtime/node.ts";
import { disk } from "../../../runtime/provision/disk.ts";
import { takeLock } from "../../../runtime/provision/lock.ts";
import { watchSecrets } from "../../../runtime/reload.ts";
import { wait } from "../../../runtime/wait.ts";
import { givenSecrets } from "../../../shared/config/secrets.ts";
import { parseSettings } from "../../../shared/config.ts";
import { ADMIN, ENV } from "../../runtime/started.ts";

export const OLD = "marked-old-bridge-token";
const CREW = {
  agents: [
    { name: "Thot", email: "thot@example.com" },
    { name: "Imhotep", email: "imhotep@example.com" },
  ],
};
const answer = z.object({ token: z.string().optional(), error: z.object({ message: z.string() }).optional() });

/** The product with its secrets in a real file, whose changes it takes over. */
export async function opened(given: Record<string, string> = {}, used: Disk = disk) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-agents-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "secrets.json");
  const tokenFile = join(folder, "agents/thot/token");
  writeFileSync(path, JSON.stringify({ ADMIN_TOKEN: ADMIN, AGENT_TOKEN_THOT: OLD }), { mode: 0o600 });
  writeFileSync(join(folder, "crew.json"), JSON.stringify(CREW));
  const { ADMIN_TOKEN: _, ...rest } = ENV;
  const env = { ...rest, ...given, SECRETS_FILE: path, GROUNDCREW_CONFIG: join(folder, "crew.json") };
  const read = () => parseSettings(env, files);
  const parsed = read();
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const lines: string[] = [];
  const runtime = await startRuntime(parsed.settings, {
    write: (line) => lines.push(line),
    bridgeTokens: createBridgeTokens({
      secretsFile: path,
      given: () => givenSecrets(env, path, files),
      disk: used,
      newSecret,
      lock: takeLock,
    }),
  });
  onTestFinished(() => runtime.stop());
  const over = new AbortController();
  onTestFinished(() => over.abort());
  const fingerprint = () => fingerprintOf(path);
  void watchSecrets({ running: runtime, read, fingerprint, wait, signal: over.signal, every: 10 });

  async function post(what: string, headers: Record<string, string> = { authorization: `Bearer ${ADMIN}` }) {
    const response = await fetch(`${runtime.url}/api/agents/${what}`, { method: "POST", headers });
    const { token = "", error } = answer.parse(await response.json());
    return { status: response.status, token, message: error?.message ?? "", headers: response.headers };
  }
  async function listed(): Promise<unknown> {
    return (await fetch(`${runtime.url}/api/agents`, { headers: { authorization: `Bearer ${ADMIN}` } })).json();
  }
  /** Whether the agent's door opens: nothing is asked of Plane for what its tools are. */
  async function opens(token: string): Promise<boolean> {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${runtime.url}/agent/nothing`, { method: "POST", headers });
    await response.body?.cancel();
    return response.status !== 401;
  }
  const secrets = () => z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(path, "utf8")));
  return { url: runtime.url, path, tokenFile, lines, post, listed, opens, secrets };
}

import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { manifest as productManifest } from "../../functions/index.ts";
import { createSettingsFingerprint, nodeFiles } from "../../runtime/node/files.ts";
import { startRuntime, watchSecrets } from "../../runtime/start-runtime.ts";
import type { Manifest } from "../../shared/app/deps.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import { wait } from "../../shared/time.ts";
import { RUNTIME_ENV } from "../support/test-runtime.ts";

export const OLD = {
  admin: "marked-old-admin-token",
  bridge: "marked-old-bridge-token",
  webhook: "marked-old-webhook-secret",
};
export const NEW = {
  admin: "marked-new-admin-token",
  bridge: "marked-new-bridge-token",
  webhook: "marked-new-webhook-secret",
};
const AGENTS = { agents: [{ name: "Imhotep", email: "imhotep@javisi.local.test" }] };

/** Starts a runtime that watches its secrets file; without `PLANE_URL` its Plane does not answer. */
export async function startWithSecretsFile(
  more: Partial<Manifest> = {},
  given: Record<string, string> = {},
  moreSecrets: Record<string, string> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-reload-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "secrets.json");
  const secrets: Record<string, string | string[]> = {
    ADMIN_TOKEN: OLD.admin,
    AGENT_TOKEN_IMHOTEP: OLD.bridge,
    PLANE_WEBHOOK_SECRET: OLD.webhook,
    PLANE_API_KEY: "marked-plane-key",
    ...moreSecrets,
  };
  /** Replaces the file atomically, as provision does. */
  function write(change: Record<string, string | string[]> | string, mode = 0o600) {
    const text = typeof change === "string" ? change : JSON.stringify(Object.assign(secrets, change));
    writeFileSync(`${path}.new`, text, { mode });
    renameSync(`${path}.new`, path);
  }
  write({});
  writeFileSync(join(folder, "crew.json"), JSON.stringify(AGENTS));
  const { ADMIN_TOKEN: _, PLANE_API_KEY: __, PLANE_WEBHOOK_SECRET: ___, ...env } = RUNTIME_ENV;
  const environment = { ...env, ...given, SECRETS_FILE: path, GROUNDCREW_CONFIG: join(folder, "crew.json") };
  const readSettings = () => parseSettings(environment, nodeFiles);
  const parsed = readSettings();
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const lines: Record<string, unknown>[] = [];
  const runtime = await startRuntime(parsed.settings, {
    manifest: { ...productManifest, ticks: [], jobHandlers: [], services: [], ruleSets: () => [], ...more },
    write: (line) => lines.push(JSON.parse(line)),
  });
  onTestFinished(() => runtime.stop());
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  const getFingerprint = createSettingsFingerprint(environment, path);
  void watchSecrets({ running: runtime, readSettings, getFingerprint, wait, signal: stopping.signal, interval: 10 });
  const findLines = (message: string) => lines.filter((line) => String(line["message"]).includes(message));
  /** Replaces the settings file. */
  const writeConfig = (config: object) => writeFileSync(environment.GROUNDCREW_CONFIG, JSON.stringify(config));
  return { runtime, url: runtime.url, write, writeConfig, path, lines, findLines };
}

/** The status of a request with this bearer token. */
export async function requestStatus(url: string, token: string): Promise<number> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  await response.body?.cancel();
  return response.status;
}

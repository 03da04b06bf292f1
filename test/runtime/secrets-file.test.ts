import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { manifest as productManifest } from "../../functions/index.ts";
import { createSettingsFingerprint, nodeFiles } from "../../runtime/node/files.ts";
import { startRuntime, watchSecrets } from "../../runtime/start-runtime.ts";
import type { Manifest, Route, Service } from "../../shared/app/deps.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import { wait } from "../../shared/time.ts";
import { createTestFolder, writeFiles } from "../support/test-folder.ts";
import { createBearerHeaders, postWebhook, RUNTIME_ENV } from "../support/test-runtime.ts";
import { createWebhookHeaders } from "../support/webhook-signature.ts";

const createSecrets = (age: string) => ({
  ...{ admin: `marked-${age}-admin-token`, bridge: `marked-${age}-bridge-token` },
  webhook: `marked-${age}-webhook-secret`,
});
const [OLD, NEW] = [createSecrets("old"), createSecrets("new")];
const AGENTS = { agents: [{ name: "Imhotep", email: "imhotep@javisi.local.test" }] };
const RELOADED = "secrets reloaded";

/** Starts a runtime that watches its secrets file; without `PLANE_URL` its Plane does not answer. */
async function startWithSecretsFile(more: Partial<Manifest> = {}, given: Record<string, string> = {}) {
  const folder = createTestFolder("reload");
  const path = join(folder, "secrets.json");
  const secrets: Record<string, string | string[]> = {
    ...{ ADMIN_TOKEN: OLD.admin, AGENT_TOKEN_IMHOTEP: OLD.bridge, PLANE_WEBHOOK_SECRET: OLD.webhook },
    PLANE_API_KEY: "marked-plane-key",
  };
  /** Replaces the file atomically, as provision does. */
  function write(change: Record<string, string | string[]> | string, mode = 0o600) {
    const text = typeof change === "string" ? change : JSON.stringify(Object.assign(secrets, change));
    writeFiles(folder, { "secrets.json.new": text }, mode);
    renameSync(`${path}.new`, path);
  }
  write({});
  writeFiles(folder, { "crew.json": AGENTS });
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
  const { url } = runtime;
  return {
    ...{ runtime, url, write, path, lines },
    findLines: (message: string) => lines.filter((line) => String(line["message"]).includes(message)),
    writeConfig: (config: object) => writeFiles(folder, { "crew.json": config }),
    async requestStatus(token: string, route = "/dead-letters"): Promise<number> {
      const response = await fetch(url + route, createBearerHeaders(token));
      await response.body?.cancel();
      return response.status;
    },
  };
}

test("A secrets file that changes makes new tokens valid beside the old ones, and then alone, without a restart, and redacts them from the log", async () => {
  const { runtime, write, lines, requestStatus } = await startWithSecretsFile();
  const status = (token: string) => requestStatus(token, "/agent/openapi.json");
  expect([await status(OLD.bridge), await status(NEW.bridge)]).toEqual([200, 401]);
  write({ AGENT_TOKEN_IMHOTEP: [NEW.bridge, OLD.bridge] });
  await expect.poll(() => status(NEW.bridge)).toBe(200);
  expect(await status(OLD.bridge)).toBe(200);
  write({ AGENT_TOKEN_IMHOTEP: NEW.bridge, ADMIN_TOKEN: NEW.admin });
  await expect.poll(() => status(OLD.bridge)).toBe(401);
  const statuses = [await status(NEW.bridge), await requestStatus(NEW.admin), await requestStatus(OLD.admin)];
  expect(statuses).toEqual([200, 200, 401]);
  runtime.deps.log.info("careless", { text: `it is ${NEW.admin}` });
  expect(lines.at(-1)).toMatchObject({ text: "it is [secret]" });
  expect(JSON.stringify(lines)).not.toContain("marked-");
});

test("A secrets file that changes loses no webhook: while two secrets are valid, every delivery is accepted", async () => {
  const { url, write, findLines } = await startWithSecretsFile();
  let sent = 0;
  const send = async (secret: string) => {
    sent += 1;
    const body = JSON.stringify({ event: "issue", data: { id: String(sent) } });
    return (await postWebhook(url, body, createWebhookHeaders(body, secret))).status;
  };
  const statuses: number[] = [];
  write({ PLANE_WEBHOOK_SECRET: [NEW.webhook, OLD.webhook] });
  while (findLines(RELOADED).length < 1) statuses.push(await send(OLD.webhook));
  statuses.push(await send(NEW.webhook));
  write({ PLANE_WEBHOOK_SECRET: NEW.webhook });
  while (findLines(RELOADED).length < 2) statuses.push(await send(NEW.webhook));
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(await send(OLD.webhook)).toBe(401);
});

test("RECUR-01 a settings file that changes replaces the schedules, and a wrong one changes nothing and is refused with its place", async () => {
  const { url, writeConfig, findLines } = await startWithSecretsFile();
  const listNames = async () => {
    const response = await fetch(`${url}/api/schedules`, createBearerHeaders(OLD.admin));
    const schema = z.object({ schedules: z.array(z.object({ name: z.string() })) });
    return schema.parse(await response.json()).schedules.map(({ name }) => name);
  };
  expect(await listNames()).toEqual([]);
  const schedule = { name: "weekly", cron: "0 9 * * 1", project: "ONB", title: "Review" };
  writeConfig({ schedules: [schedule] });
  await expect.poll(listNames).toEqual(["weekly"]);
  writeConfig({ schedules: [{ ...schedule, name: "daily", cron: "0 9" }] });
  const problem = expect.stringContaining("GROUNDCREW_CONFIG schedules[0].cron (line 1, column 38)");
  await expect.poll(() => findLines("secrets not reloaded")).toMatchObject([{ problems: [problem] }]);
  expect(await listNames()).toEqual(["weekly"]);
});

test.each([
  ["is not JSON", '{"ADMIN_TOKEN": "marked-half', 0o600, ""],
  ["others can read", JSON.stringify({ ADMIN_TOKEN: NEW.admin, PLANE_API_KEY: "x" }), 0o644, "wanted mode 0600"],
  ["has a short token", JSON.stringify({ ADMIN_TOKEN: "7341", PLANE_API_KEY: "marked-plane-key" }), 0o600, ""],
])(
  "A secrets file that changes that %s is logged without secrets and changes nothing; its next version is used",
  async (_, text, mode, problem) => {
    const { runtime, write, findLines, lines, requestStatus } = await startWithSecretsFile();
    const before = runtime.deps;
    write(text, mode);
    const stays = "secrets not reloaded";
    await expect.poll(() => findLines(stays)).toMatchObject([{ problems: [expect.stringContaining(problem)] }]);
    expect(await requestStatus(OLD.admin)).toBe(200);
    expect(JSON.stringify(lines)).not.toContain("marked-");
    expect(runtime.deps).toBe(before);
    write({ ADMIN_TOKEN: NEW.admin });
    await expect.poll(() => requestStatus(NEW.admin)).toBe(200);
  },
);

test("A reload finishes running work under the old settings, never runs a service twice at a time, and starts nothing when the runtime stops meanwhile", async () => {
  const gate = Promise.withResolvers<void>();
  let hasStarted = false;
  const answer: Route["app"] = (deps) =>
    new Hono().get("/", async (c) => {
      hasStarted = true;
      await gate.promise;
      return c.text(deps.settings.adminTokens[0] ?? "");
    });
  const serviceRuns: string[] = [];
  const service: Service = {
    name: "told",
    async run(deps) {
      serviceRuns.push(`begins ${deps.settings.adminTokens[0]}`);
      await deps.wait(60_000, deps.stopping);
      serviceRuns.push(`ends ${deps.settings.adminTokens[0]}`);
    },
  };
  const routes = [...productManifest.routes, { path: "/slow", access: "public", app: answer } as const];
  const { runtime, url, write, requestStatus } = await startWithSecretsFile({ routes, services: [service] });
  const answered = fetch(`${url}/slow`).then((response) => response.text());
  await expect.poll(() => hasStarted).toBe(true);
  write({ ADMIN_TOKEN: NEW.admin });
  await expect.poll(() => requestStatus(NEW.admin)).toBe(200);
  expect(serviceRuns).toEqual([`begins ${OLD.admin}`]);
  gate.resolve();
  expect(await answered).toBe(OLD.admin);
  await expect.poll(() => serviceRuns).toEqual([`begins ${OLD.admin}`, `ends ${OLD.admin}`, `begins ${NEW.admin}`]);
  const reloading = runtime.reload({ ...runtime.deps.settings, adminTokens: [OLD.admin] });
  await Promise.all([reloading, runtime.stop()]);
  const [begun, ended] = ["begins", "ends"].map((word) => serviceRuns.filter((run) => run.startsWith(word)).length);
  expect(begun).toBe(ended);
  await expect(fetch(`${runtime.url}/health`)).rejects.toThrow();
});

test("A secrets file that was removed changes nothing and begins a notice, until it is back", async () => {
  const given = { PLANE_API_KEY: "marked-plane-key-of-the-environment" };
  const { path, write, findLines, requestStatus } = await startWithSecretsFile({}, given);
  rmSync(path);
  await expect.poll(() => findLines("not reloaded")).toMatchObject([{ problems: [`${path} does not exist any more`] }]);
  expect(await requestStatus(OLD.admin, "/ready")).not.toBe(401);
  write({});
  await expect.poll(() => findLines("notice ended")).toMatchObject([{ kind: "settings_refused" }]);
});

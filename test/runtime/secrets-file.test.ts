import { createHmac } from "node:crypto";
import { rmSync } from "node:fs";
import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { manifest as productManifest } from "../../functions/index.ts";
import { watchSecrets } from "../../runtime/start-runtime.ts";
import type { Route, Service } from "../../shared/app/deps.ts";
import { wait } from "../../shared/time.ts";
import { createPlaneSimulator } from "../../simulators/plane/create-plane-simulator.ts";
import { postWebhook, startTestRuntime } from "../support/test-runtime.ts";
import { NEW, OLD, requestStatus, startWithSecretsFile } from "./secrets-file-runtime.ts";

function createSignedHeaders(body: string, secret: string): Record<string, string> {
  return {
    "content-type": "application/json",
    "x-plane-delivery": crypto.randomUUID(),
    "x-plane-event": "issue",
    "x-plane-signature": createHmac("sha256", secret).update(body).digest("hex"),
  };
}

const RELOADED = "secrets reloaded";

test("A secrets file that changes makes a new bridge token valid beside the old one, and then alone, without a restart", async () => {
  const { url, write } = await startWithSecretsFile();
  const status = (token: string) => requestStatus(`${url}/agent/openapi.json`, token);
  expect([await status(OLD.bridge), await status(NEW.bridge)]).toEqual([200, 401]);
  write({ AGENT_TOKEN_IMHOTEP: [NEW.bridge, OLD.bridge] });
  await expect.poll(() => status(NEW.bridge)).toBe(200);
  expect(await status(OLD.bridge)).toBe(200);
  write({ AGENT_TOKEN_IMHOTEP: NEW.bridge });
  await expect.poll(() => status(OLD.bridge)).toBe(401);
  expect(await status(NEW.bridge)).toBe(200);
});

test("A secrets file that changes loses no webhook: while two secrets are valid, every delivery is accepted", async () => {
  const { url, write, findLines } = await startWithSecretsFile();
  const statuses: number[] = [];
  let sent = 0;
  const send = async (secret: string) => {
    sent += 1;
    const body = JSON.stringify({ event: "issue", data: { id: String(sent) } });
    statuses.push((await postWebhook(url, body, createSignedHeaders(body, secret))).status);
  };
  write({ PLANE_WEBHOOK_SECRET: [NEW.webhook, OLD.webhook] });
  while (findLines(RELOADED).length < 1) await send(OLD.webhook);
  await send(NEW.webhook);
  write({ PLANE_WEBHOOK_SECRET: NEW.webhook });
  while (findLines(RELOADED).length < 2) await send(NEW.webhook);
  expect(new Set(statuses)).toEqual(new Set([200]));
  const body = JSON.stringify({ event: "issue", data: { id: "late" } });
  expect((await postWebhook(url, body, createSignedHeaders(body, OLD.webhook))).status).toBe(401);
});

test("RECUR-01 a settings file that changes replaces the schedules, and a wrong one changes nothing and is refused with its place", async () => {
  const { url, writeConfig, findLines } = await startWithSecretsFile();
  const listNames = async () => {
    const response = await fetch(`${url}/api/schedules`, { headers: { authorization: `Bearer ${OLD.admin}` } });
    const schema = z.object({ schedules: z.array(z.object({ name: z.string() })) });
    return schema.parse(await response.json()).schedules.map(({ name }) => name);
  };
  expect(await listNames()).toEqual([]);
  const schedule = { name: "weekly", cron: "0 9 * * 1", project: "ONB", title: "Review" };
  writeConfig({ schedules: [schedule] });
  await expect.poll(listNames).toEqual(["weekly"]);
  writeConfig({ schedules: [{ ...schedule, name: "daily", cron: "0 9" }] });
  await expect
    .poll(() => findLines("secrets not reloaded"))
    .toMatchObject([
      { problems: [expect.stringContaining("GROUNDCREW_CONFIG schedules[0].cron (line 1, column 38)")] },
    ]);
  expect(await listNames()).toEqual(["weekly"]);
});

test("A secrets file that changes makes a new ADMIN_TOKEN valid and the old one invalid, and redacts the new one from the log", async () => {
  const { runtime, url, write, findLines, lines } = await startWithSecretsFile();
  write({ ADMIN_TOKEN: NEW.admin });
  await expect.poll(() => findLines(RELOADED).length).toBe(1);
  expect(await requestStatus(`${url}/dead-letters`, NEW.admin)).toBe(200);
  expect(await requestStatus(`${url}/dead-letters`, OLD.admin)).toBe(401);
  runtime.deps.log.info("careless", { text: `it is ${NEW.admin}` });
  expect(lines.at(-1)).toMatchObject({ text: "it is [secret]" });
  expect(JSON.stringify(lines)).not.toContain("marked-");
});

test("A secrets file that changes makes requests to Plane use a new key", async () => {
  const plane = createPlaneSimulator();
  const planeUrl = await plane.start();
  onTestFinished(() => plane.stop());
  const [ada, thot] = [plane.addUser({ name: "Ada" }), plane.addUser({ name: "Thot" })];
  const ticks = productManifest.ticks.filter(({ name }) => name === "poll");
  const { write } = await startWithSecretsFile({ ticks }, { PLANE_URL: planeUrl });
  write({ PLANE_API_KEY: plane.createApiKey(ada) });
  const listRequestOwners = () =>
    plane.ledger.requests.filter(({ status }) => status === 200).map(({ owner }) => owner);
  await expect.poll(listRequestOwners).toContain(ada.id);
  write({ PLANE_API_KEY: plane.createApiKey(thot) });
  await expect.poll(listRequestOwners).toContain(thot.id);
});

test.each([
  ["is not JSON", '{"ADMIN_TOKEN": "marked-half', 0o600],
  ["others can read", JSON.stringify({ ADMIN_TOKEN: NEW.admin, PLANE_API_KEY: "x" }), 0o644],
  ["has a token of 4 characters", JSON.stringify({ ADMIN_TOKEN: "7341", PLANE_API_KEY: "marked-plane-key" }), 0o600],
])(
  "A secrets file that changes that %s is logged without secrets and changes nothing; its next version is used",
  async (_, text, mode) => {
    const { url, write, findLines, lines } = await startWithSecretsFile();
    write(text, mode);
    await expect.poll(() => findLines("secrets not reloaded").length).toBe(1);
    expect(await requestStatus(`${url}/dead-letters`, OLD.admin)).toBe(200);
    expect(JSON.stringify(lines)).not.toContain("marked-");
    write({ ADMIN_TOKEN: NEW.admin });
    await expect.poll(() => requestStatus(`${url}/dead-letters`, NEW.admin)).toBe(200);
  },
);

test("A secrets file that changes logs that another STORE_URL requires a restart, and applies the rest", async () => {
  const { url, write, findLines } = await startWithSecretsFile({}, { STORE_URL: "" }, { STORE_URL: "memory:" });
  write({ STORE_URL: "redis://:marked-redis-password@127.0.0.1:1", ADMIN_TOKEN: NEW.admin });
  await expect.poll(() => requestStatus(`${url}/dead-letters`, NEW.admin)).toBe(200);
  expect(findLines("restart required")).toEqual([expect.objectContaining({ setting: "STORE_URL" })]);
});

test("A secrets file that changes with the same content as before changes nothing", async () => {
  const { runtime, write, findLines } = await startWithSecretsFile();
  const before = runtime.deps;
  write({});
  write("{}", 0o644);
  await expect.poll(() => findLines("secrets not reloaded").length).toBe(1);
  write({});
  expect(runtime.deps).toBe(before);
  expect(findLines(RELOADED).filter(({ level }) => level === "info")).toEqual([]);
});

test("A reload finishes running work under the old settings, and never runs a service twice at a time", async () => {
  let finish = () => {};
  const gate = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let hasStarted = false;
  const slow: Route = {
    path: "/slow",
    access: "public",
    app: (deps) =>
      new Hono().get("/", async (c) => {
        hasStarted = true;
        await gate;
        return c.text(deps.settings.adminTokens[0] ?? "");
      }),
  };
  const serviceRuns: string[] = [];
  const service: Service = {
    name: "told",
    async run(deps) {
      serviceRuns.push(`begins ${deps.settings.adminTokens[0]}`);
      await deps.wait(60_000, deps.stopping);
      serviceRuns.push(`ends ${deps.settings.adminTokens[0]}`);
    },
  };
  const { runtime, url, write } = await startWithSecretsFile({
    routes: [...productManifest.routes, slow],
    services: [service],
  });
  const answer = fetch(`${url}/slow`).then((response) => response.text());
  await expect.poll(() => hasStarted).toBe(true);
  write({ ADMIN_TOKEN: NEW.admin });
  await expect.poll(() => requestStatus(`${url}/dead-letters`, NEW.admin)).toBe(200);
  expect(serviceRuns).toEqual([`begins ${OLD.admin}`]);
  finish();
  expect(await answer).toBe(OLD.admin);
  await expect.poll(() => serviceRuns).toEqual([`begins ${OLD.admin}`, `ends ${OLD.admin}`, `begins ${NEW.admin}`]);
  await runtime.stop();
  expect(serviceRuns.at(-1)).toBe(`ends ${NEW.admin}`);
});

test("A reload: during which the runtime is stopped starts nothing", async () => {
  const serviceRuns: string[] = [];
  const service: Service = {
    name: "told",
    async run(deps) {
      serviceRuns.push("begins");
      await deps.wait(60_000, deps.stopping);
      serviceRuns.push("ends");
    },
  };
  const { runtime } = await startWithSecretsFile({ services: [service] });
  const { settings } = runtime.deps;
  const reloading = runtime.reload({ ...settings, adminTokens: [NEW.admin] });
  const stopped = runtime.stop();
  await Promise.all([reloading, stopped]);
  expect(serviceRuns.filter((word) => word === "begins").length).toBe(
    serviceRuns.filter((word) => word === "ends").length,
  );
  await expect(fetch(`${runtime.url}/health`)).rejects.toThrow();
});

test("A secrets file in a folder that is unreadable for a while is logged once and stops nothing", async () => {
  const { deps, reload, settings, lines } = await startTestRuntime();
  const stopping = new AbortController();
  let checks = 0;
  const getFingerprint = () => {
    checks += 1;
    if (checks === 6) stopping.abort();
    if (checks === 1 || checks > 4) return "the same";
    throw new Error("EACCES: permission denied, stat 'data/secrets.json'");
  };
  const readSettings = () => ({ ok: true as const, settings, warnings: [] });
  await watchSecrets({
    running: { deps, reload },
    readSettings,
    getFingerprint,
    wait,
    signal: stopping.signal,
    interval: 1,
  });
  const errors = lines.filter(({ level }) => level === "error").map(({ message }) => message);
  expect(errors).toEqual(["secrets not reloaded, previous secrets stay in use", "notice began"]);
});

test("A secrets file that was removed changes nothing and begins a notice, until it is back", async () => {
  const given = { PLANE_API_KEY: "marked-plane-key-of-the-environment" };
  const { url, path, write, findLines } = await startWithSecretsFile({}, given);
  rmSync(path);
  await expect.poll(() => findLines("not reloaded")).toMatchObject([{ problems: [`${path} does not exist any more`] }]);
  expect(await requestStatus(`${url}/ready`, OLD.admin)).not.toBe(401);
  write({});
  await expect.poll(() => findLines("notice ended")).toMatchObject([{ kind: "settings_refused" }]);
});

test("A secrets file that others can read is the only problem: its secrets are not reported as missing", async () => {
  const { write, findLines } = await startWithSecretsFile();
  write({}, 0o644);
  await expect
    .poll(() => findLines("not reloaded"))
    .toMatchObject([{ problems: [expect.stringContaining("wanted mode 0600")] }]);
});

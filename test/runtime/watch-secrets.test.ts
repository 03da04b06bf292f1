import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { manifest as productManifest } from "../../functions/index.ts";
import { createPlaneSimulator } from "../../simulators/plane/create-plane-simulator.ts";
import { postWebhook } from "../support/test-runtime.ts";
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

test("A secrets file that changes makes a new ADMIN_TOKEN valid and the old one invalid", async () => {
  const { url, write } = await startWithSecretsFile();
  write({ ADMIN_TOKEN: NEW.admin });
  await expect.poll(() => requestStatus(`${url}/dead-letters`, NEW.admin)).toBe(200);
  expect(await requestStatus(`${url}/dead-letters`, OLD.admin)).toBe(401);
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

test("A secrets file that changes redacts new secrets from the log", async () => {
  const { runtime, write, findLines, lines } = await startWithSecretsFile();
  write({ ADMIN_TOKEN: NEW.admin });
  await expect.poll(() => findLines(RELOADED).length).toBe(1);
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
  ["lacks required settings", "{}", 0o600],
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

test("A secrets file that changes while the settings file is invalid logs the line and column of each problem", async () => {
  const { write, path, findLines } = await startWithSecretsFile();
  writeFileSync(join(dirname(path), "crew.json"), '{\n  "agents": [{ "name": "Thot", "email": 7 }]\n}');
  write({ ADMIN_TOKEN: NEW.admin });
  await expect.poll(() => findLines("secrets not reloaded").length).toBe(1);
  const [line] = findLines("secrets not reloaded");
  expect(line?.["problems"]).toEqual([
    expect.stringMatching(/^GROUNDCREW_CONFIG agents\[0\]\.email \(line 2, column \d+\): given 7, wanted /),
  ]);
});

test("A secrets file that changes logs that another STORE_URL requires a restart, and applies the rest", async () => {
  const { url, write, findLines } = await startWithSecretsFile({}, { STORE_URL: "" });
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

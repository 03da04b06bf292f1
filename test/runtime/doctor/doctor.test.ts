import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkStore } from "../../../functions/doctor/store.ts";
import { manifest } from "../../../functions/index.ts";
import { inspectStore } from "../../../runtime/doctor/run-doctor.ts";
import { startRuntime } from "../../../runtime/start-runtime.ts";
import { ACCOUNT_PASSWORD, createDoctorSetup } from "../../functions/doctor/doctor-setup.ts";
import { findFreePort, hasRedisServer, startRedis } from "../../support/redis-server.ts";
import { parseTestSettings } from "../../support/settings.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";
import { fillStore } from "../backup/backup-machine.ts";
import { formatFindings, parseFindings, runDoctorHere } from "./openclaw-machine.ts";

/** A healthy set-up with its settings file in a folder of its own. */
async function createFolderSetup() {
  const folder = createTestFolder("doctor");
  const setUp = await createDoctorSetup();
  writeFiles(folder, { "crew.json": setUp.config, "secrets.json": {} });
  const env: Record<string, string> = {
    ...setUp.env,
    GROUNDCREW_CONFIG: join(folder, "crew.json"),
    SECRETS_FILE: join(folder, "secrets.json"),
    STORE_URL: `file:${folder}`,
  };
  return { ...setUp, folder, env };
}

async function getFinding(env: Record<string, string>, name: string): Promise<string> {
  const { out } = await runDoctorHere(env, "--json");
  const checks = parseFindings(out).filter((check) => check.name === name);
  return checks.map(({ status, detail }) => `${status}: ${detail}`).join("\n");
}

test("npm run doctor prints each finding with its fix, and exits with 0 when there are only warnings", async () => {
  const { env } = await createFolderSetup();
  const { exit, out } = await runDoctorHere(env);
  expect(exit).toBe(0);
  expect(out).toMatch(/^ok {7}plane {2,}1\.3\.1, PLANE_COMMUNITY/m);
  expect(out).toMatch(/^ {10,}→ /m);
  expect(out).toMatch(/\d+ ok, \d+ warnings, 0 failed\n$/);
});

test("npm run doctor exits with 78 when the settings are invalid, and sends no request", async () => {
  const { env, plane } = await createFolderSetup();
  const { exit, out } = await runDoctorHere({ ...env, PORT: "marked" }, "--json");
  expect(exit).toBe(78);
  expect(parseFindings(out).map(({ name }) => name)).toEqual(["settings", "secret files"]);
  expect(plane.ledger.requests).toEqual([]);
});

test("groundcrew doctor --checklist has a box for each check, for each part that is not set up, and for what a person checks", async () => {
  const { env } = await createFolderSetup();
  const { exit, out } = await runDoctorHere(env, "--checklist");
  const { checks } = JSON.parse((await runDoctorHere(env, "--json")).out);
  const [head = "", ...lines] = out.split("\n");
  const boxes = lines.filter((line) => line.startsWith("- ["));
  for (const { name, status } of checks)
    expect(boxes).toContainEqual(expect.stringMatching(`^- \\[${status === "ok" ? "x" : " "}\\] ${name}: `));
  expect(lines).toContain("- [ ] backups: not set up");
  expect(lines).toContain("  - Set BACKUP_FOLDER, and have `groundcrew backup` run every night.");
  const byHand = lines.slice(lines.indexOf("By hand:")).filter((line) => line.startsWith("- [ ]"));
  expect(byHand.length).toBeGreaterThan(2);
  const open = boxes.filter((line) => line.startsWith("- [ ]")).length - byHand.length;
  expect(head).toBe(`# Production checklist: ${open} open`);
  expect(exit).toBe(checks.some(({ status }: { status: string }) => status === "failed") ? 1 : 0);
});

test("npm run doctor shows no secret, whatever is wrong", async () => {
  const { env, plane, ada } = await createFolderSetup();
  Object.assign(env, {
    ...{ PLANE_ADMIN_EMAIL: ada.email, PLANE_ADMIN_PASSWORD: ACCOUNT_PASSWORD },
    ...{ PLANE_WEBHOOK_SECRET: "marked-secret-webhook", OPENCLAW_HOOK_TOKEN: "marked-secret-hook" },
    OPENCLAW_URL: "http://127.0.0.1:1",
  });
  const wrongEnv = {
    ...{ ...env, PLANE_API_KEY: "marked-secret-key", TELEGRAM_BOT_TOKEN: "1:marked-secret-bot" },
    STORE_URL: "redis://:marked-secret-redis@127.0.0.1:1/0",
  };
  const runs = [await runDoctorHere(env, "--json"), await runDoctorHere(wrongEnv)];
  await plane.takeDown();
  for (const { out, err } of [...runs, await runDoctorHere(env)])
    expect(out + err).not.toMatch(/marked-secret|plane_api_/i);
}, 20_000);

test("npm run doctor fails for a file with secrets that others can read", async () => {
  const { env, folder } = await createFolderSetup();
  writeFiles(folder, { "agents/imhotep/token": "x" }, 0o644);
  expect(await getFinding(env, "secret files")).toMatch(/^failed: .*imhotep\/token has mode 0644/);
});

test("npm run doctor queries a running Groundcrew, and does not open its embedded file", async () => {
  const { env } = await createFolderSetup();
  Object.assign(env, { PORT: String(await findFreePort()) });
  expect(await getFinding(env, "runtime")).toMatch(/^warning: not running at .*ECONNREFUSED/);
  const { GROUNDCREW_CONFIG: _, SECRETS_FILE: __, ...plain } = env;
  const parsed = parseTestSettings(plain);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const quiet = { ...manifest, ticks: [], jobHandlers: [], services: [] };
  const runtime = await startRuntime(parsed.settings, { manifest: quiet, write: () => {} });
  onTestFinished(() => runtime.stop());
  expect(await getFinding(env, "runtime")).toMatch(/^ok: .* runs at http:\/\/127/);
  expect(await getFinding(env, "store")).toMatch(/^ok: the embedded file .* opened by the running Groundcrew/);
  expect(await getFinding(env, "setup plane")).toBe("warning: Plane has not been asked yet.");
  expect(await getFinding(env, "rate limit")).not.toContain("asked to wait");
  await runtime.deps.store.pause("plane:key", 900_000, true);
  expect(await getFinding(env, "rate limit")).toMatch(/^failed: Plane asked to wait .* another 15 min/);
  expect(await getFinding(env, "setup webhook")).toMatch(/^warning: No test edit was made in Plane/);
  expect(await getFinding(env, "proxy")).toBe("");
  await fetch(`${runtime.url}/health`, { headers: { "x-forwarded-for": "203.0.113.7" } });
  const untrusted = /^warning: 127\.0\.0\.1 sends X-Forwarded-For, but is not in TRUSTED_PROXIES/;
  expect(await getFinding(env, "proxy")).toMatch(untrusted);
  const otherToken = { ...env, ADMIN_TOKEN: "marked-secret-another-token" };
  expect(await getFinding(otherToken, "runtime parts")).toMatch(/^failed: \/ready: answers 401/);
});

test.skipIf(!hasRedisServer())(
  "npm run doctor with Redis (reliability 10) warns when it has no append-only file or no noeviction policy",
  async () => {
    const redis = await startRedis({ "maxmemory-policy": "allkeys-lru" });
    onTestFinished(() => redis.stop());
    const { env } = await createFolderSetup();
    const readFinding = () => getFinding({ ...env, STORE_URL: redis.url }, "store");
    expect(await readFinding()).toMatch(/^warning: Redis has no append-only file.*\nwarning: .*allkeys-lru/);
    await redis.stop();
    expect(await readFinding()).toMatch(/^failed: Redis at .* cannot be reached/);
  },
);

const PAGE_SIZE = 4_096;

test("The doctor fails for a store file with damage in its middle, and says that it may be moved away and is rebuilt from Plane", async () => {
  const folder = createTestFolder("doctor-store");
  const url = `file:${folder}`;
  const put = Array.from({ length: 500 }, (_, i) => ({ key: `k${i}`, value: "x".repeat(2_000), sets: ["s"] }));
  await fillStore(url, { put });
  const file = openSync(join(folder, "groundcrew.db"), "r+");
  for (let page = 30; page < 60; page += 1)
    writeSync(file, Buffer.alloc(PAGE_SIZE, 0xa5), 0, PAGE_SIZE, page * PAGE_SIZE);
  closeSync(file);
  const checks = checkStore(await inspectStore({ store: { url, prefix: "t" } }, false), { isAlive: false });
  const findings = formatFindings(checks);
  expect(findings).toMatch(/^failed: .* is damaged.*may be moved away.*reads everything from Plane again/s);
});

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { acquireProvisionLock, provisionDisk } from "../../../runtime/provision/provision-disk.ts";
import { PROVISION_LOCK_FILE } from "../../../shared/config/secrets.ts";
import { sha256Hex } from "../../../shared/hashing.ts";
import { RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { OLD_BRIDGE_TOKEN, startAgentsPageApp } from "./agents-page-app.ts";

const getFileMode = (path: string) => (statSync(path).mode & 0o777).toString(8);

test("AUTH-04: replacing a bridge token from the page shows it once, accepts both until the old one is retired, keeps its hash, and logs neither", async () => {
  const app = await startAgentsPageApp();
  expect(await app.isTokenAccepted(OLD_BRIDGE_TOKEN)).toBe(true);
  const { status, token, headers } = await app.postAgents("Thot/token");
  expect([status, headers.get("cache-control")]).toEqual([200, "no-store"]);
  await expect.poll(() => app.isTokenAccepted(token), { interval: 20 }).toBe(true);
  expect(await app.isTokenAccepted(OLD_BRIDGE_TOKEN)).toBe(true);
  const path = join(dirname(app.path), "agents/<agent>/token");
  expect(await app.listAgents()).toMatchObject({ write: true, path, agents: [{ name: "Thot", tokens: 2 }, {}] });
  const hash = `sha256:${await sha256Hex(token)}`;
  expect(app.readSecrets()).toEqual({ ADMIN_TOKEN: RUNTIME_ADMIN_TOKEN, AGENT_TOKEN_THOT: [hash, OLD_BRIDGE_TOKEN] });
  expect(readFileSync(app.tokenFile, "utf8")).toBe(`${token}\n`);
  expect((await app.postAgents("Thot/retire")).status).toBe(200);
  expect(app.readSecrets()).toEqual({ ADMIN_TOKEN: RUNTIME_ADMIN_TOKEN, AGENT_TOKEN_THOT: hash });
  // Their owner only reads them.
  expect([getFileMode(app.path), getFileMode(app.tokenFile)]).toEqual(["600", "600"]);
  await expect.poll(() => app.isTokenAccepted(OLD_BRIDGE_TOKEN), { interval: 20 }).toBe(false);
  expect(await app.isTokenAccepted(token)).toBe(true);
  expect((await app.postAgents("Thot/retire")).status).toBe(200);
  expect(await app.isTokenAccepted(token)).toBe(true);
  for (const secret of [token, hash, OLD_BRIDGE_TOKEN]) expect(app.lines.join("\n")).not.toContain(secret);
});

test("AUTH-04: replacing a bridge token from the page is refused for unknown agents and while provision is running, and succeeds afterwards", async () => {
  const { path, postAgents, readSecrets } = await startAgentsPageApp();
  const before = readSecrets();
  for (const name of ["Nobody", "thot", "..%2F..%2Fx", "__proto__"])
    for (const what of ["token", "retire"])
      expect.soft((await postAgents(`${name}/${what}`)).status, `${name}/${what}`).toBe(404);
  const provision = await acquireProvisionLock(join(dirname(path), PROVISION_LOCK_FILE));
  const refused = await postAgents("Thot/token");
  expect([refused.status, refused.message]).toEqual([503, expect.stringContaining("Another provision is running")]);
  expect(readSecrets()).toEqual(before);
  provision.release();
  expect((await postAgents("Thot/token")).status).toBe(200);
  expect(existsSync(join(dirname(path), PROVISION_LOCK_FILE))).toBe(false);
});

test("AUTH-04: replacing a bridge token from the page is refused for a token from the environment, with what to do", async () => {
  const app = await startAgentsPageApp({ AGENT_TOKEN_THOT: "marked-given-bridge-token" });
  const before = app.readSecrets();
  for (const what of ["Thot/token", "Thot/retire"]) {
    const { status, message } = await app.postAgents(what);
    expect(status).toBe(409);
    expect(message).toMatch(/AGENT_TOKEN_THOT comes from the environment.*replace it there/);
  }
  expect(app.readSecrets()).toEqual(before);
  expect((await app.postAgents("Imhotep/token")).status).toBe(200);
});

test("AUTH-04: replacing a bridge token from the page is refused without a secrets file and on a full disk, and the current token stays valid", async () => {
  const { url } = await startTestRuntime({ env: { AGENT_TOKEN_CONCIERGE: OLD_BRIDGE_TOKEN } });
  const headers = { authorization: `Bearer ${RUNTIME_ADMIN_TOKEN}` };
  const list = await fetch(`${url}/api/agents`, { headers });
  expect(await list.json()).toEqual({ agents: [{ name: "Concierge", tokens: 1 }], write: false });
  const response = await fetch(`${url}/api/agents/Concierge/token`, { method: "POST", headers });
  expect([response.status, await response.text()]).toEqual([409, expect.stringContaining("AGENT_TOKEN_<AGENT>")]);
  const write: typeof provisionDisk.write = async (path, ...rest) => {
    if (path.endsWith("/token")) throw new Error("ENOSPC: no space left on device");
    await provisionDisk.write(path, ...rest);
  };
  const app = await startAgentsPageApp({}, { ...provisionDisk, write });
  for (let tries = 0; tries < 2; tries += 1) {
    const { status, message } = await app.postAgents("Thot/token");
    expect([status, message]).toEqual([503, expect.stringContaining("was not replaced")]);
    expect(app.readSecrets()["AGENT_TOKEN_THOT"]).toBe(OLD_BRIDGE_TOKEN);
  }
  expect(await app.isTokenAccepted(OLD_BRIDGE_TOKEN)).toBe(true);
});

import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Disk } from "../../../functions/provision/kept-secrets.ts";
import { disk } from "../../../runtime/provision/disk.ts";
import { takeLock } from "../../../runtime/provision/lock.ts";
import { PROVISION_LOCK } from "../../../shared/config/provision.ts";
import { sha256Hex } from "../../../shared/digest.ts";
import { ADMIN, started } from "../../runtime/started.ts";
import { OLD, opened } from "./agent-crew.ts";

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const soon = { timeout: 5_000, interval: 20 };

describe("AUTH-04 a bridge token is replaced from the page", () => {
  test("the new one is shown once, both count until the old one is retired, and no log holds either", async () => {
    const crew = await opened();
    expect(await crew.opens(OLD)).toBe(true);
    const { status, token, headers } = await crew.post("Thot/token");
    expect([status, headers.get("cache-control")]).toEqual([200, "no-store"]);
    await expect.poll(() => crew.opens(token), soon).toBe(true);
    expect(await crew.opens(OLD)).toBe(true);
    expect(await crew.listed()).toEqual({
      agents: [
        { name: "Thot", tokens: 2 },
        { name: "Imhotep", tokens: 0 },
      ],
      write: true,
    });
    expect((await crew.post("Thot/retire")).status).toBe(200);
    await expect.poll(() => crew.opens(OLD), soon).toBe(false);
    expect(await crew.opens(token)).toBe(true);
    expect((await crew.post("Thot/retire")).status).toBe(200);
    expect(await crew.opens(token)).toBe(true);
    for (const secret of [token, await sha256Hex(token), OLD]) expect(crew.lines.join("\n")).not.toContain(secret);
  });

  test("the file keeps its hash and everything else, the agent's own file the token, both for their owner only", async () => {
    const crew = await opened();
    const { token } = await crew.post("Thot/token");
    const hash = `sha256:${await sha256Hex(token)}`;
    expect(crew.secrets()).toEqual({ ADMIN_TOKEN: ADMIN, AGENT_TOKEN_THOT: [hash, OLD] });
    expect(readFileSync(crew.tokenFile, "utf8")).toBe(`${token}\n`);
    expect([modeOf(crew.path), modeOf(crew.tokenFile)]).toEqual(["600", "600"]);
    await crew.post("Thot/retire");
    expect(crew.secrets()).toEqual({ ADMIN_TOKEN: ADMIN, AGENT_TOKEN_THOT: hash });
    expect(modeOf(crew.path)).toBe("600");
  });

  test("two at the same time both hold, and only one before the newest goes on to count", async () => {
    const crew = await opened();
    const made = await Promise.all([crew.post("Thot/token"), crew.post("Thot/token"), crew.post("Imhotep/token")]);
    const tokens = made.map(({ token }) => token);
    const [first, second, other] = await Promise.all(tokens.map(async (token) => `sha256:${await sha256Hex(token)}`));
    const kept = crew.secrets();
    expect(new Set(z.array(z.string()).parse(kept["AGENT_TOKEN_THOT"]))).toEqual(new Set([first, second]));
    expect(kept["AGENT_TOKEN_IMHOTEP"]).toBe(other);
  });

  test("while provision is at work nothing is written, and afterwards it is", async () => {
    const { path, post, secrets } = await opened();
    const before = secrets();
    const provision = await takeLock(join(dirname(path), PROVISION_LOCK));
    const refused = await post("Thot/token");
    expect([refused.status, refused.message]).toEqual([503, expect.stringContaining("Another provision is at work")]);
    expect(secrets()).toEqual(before);
    provision.release();
    expect((await post("Thot/token")).status).toBe(200);
    expect(existsSync(join(dirname(path), PROVISION_LOCK))).toBe(false);
  });

  test("a token that comes from the environment stays, and it says what to do", async () => {
    const crew = await opened({ AGENT_TOKEN_THOT: "marked-given-bridge-token" });
    const before = crew.secrets();
    for (const what of ["Thot/token", "Thot/retire"]) {
      const { status, message } = await crew.post(what);
      expect(status).toBe(409);
      expect(message).toMatch(/AGENT_TOKEN_THOT comes from the environment.*replace it there/);
    }
    expect(crew.secrets()).toEqual(before);
    expect((await crew.post("Imhotep/token")).status).toBe(200);
  });

  test("where no file keeps the secrets, it says where they are to be replaced", async () => {
    const { url } = await started({ env: { AGENT_TOKEN_CONCIERGE: OLD } });
    const headers = { authorization: `Bearer ${ADMIN}` };
    const list = await fetch(`${url}/api/agents`, { headers });
    expect(await list.json()).toEqual({ agents: [{ name: "Concierge", tokens: 1 }], write: false });
    const response = await fetch(`${url}/api/agents/Concierge/token`, { method: "POST", headers });
    expect([response.status, await response.text()]).toEqual([409, expect.stringContaining("AGENT_TOKEN_<AGENT>")]);
  });

  test.each(["Nobody", "thot", "..%2F..%2Fx", "__proto__"])("nobody's is made for %s", async (name) => {
    const crew = await opened();
    const before = crew.secrets();
    expect([(await crew.post(`${name}/token`)).status, (await crew.post(`${name}/retire`)).status]).toEqual([404, 404]);
    expect(crew.secrets()).toEqual(before);
  });

  test("it is refused from another origin, without ADMIN_TOKEN and with an agent's own token", async () => {
    const crew = await opened();
    const before = crew.secrets();
    const authorization = `Bearer ${ADMIN}`;
    for (const what of ["Thot/token", "Thot/retire"]) {
      expect((await crew.post(what, { authorization, origin: "https://evil.example" })).status).toBe(403);
      expect((await crew.post(what, { authorization, origin: "null" })).status).toBe(403);
      expect((await crew.post(what, {})).status).toBe(401);
      expect((await crew.post(what, { authorization: `Bearer ${OLD}` })).status).toBe(403);
    }
    expect(crew.secrets()).toEqual(before);
  });

  test("a file that cannot be understood is not written over", async () => {
    const crew = await opened();
    writeFileSync(crew.path, '{"half', { mode: 0o600 });
    const { status, message } = await crew.post("Thot/token");
    expect([status, message]).toEqual([503, expect.stringContaining("mend it")]);
    expect(readFileSync(crew.path, "utf8")).toBe('{"half');
  });

  test("where the agent's file cannot be written, the one in use goes on to count", async () => {
    const full: Disk = {
      read: disk.read,
      async write(path, ...rest) {
        if (path.endsWith("/token")) throw new Error("ENOSPC: no space left on device");
        await disk.write(path, ...rest);
      },
    };
    const crew = await opened({}, full);
    for (let tries = 0; tries < 3; tries += 1) {
      const { status, message } = await crew.post("Thot/token");
      expect([status, message]).toEqual([503, expect.stringContaining("was not replaced")]);
      expect(crew.secrets()["AGENT_TOKEN_THOT"]).toBe(OLD);
    }
    expect(await crew.opens(OLD)).toBe(true);
  });
});

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findServerAddress } from "../../../runtime/cli/api-client.ts";

/** A folder as provision leaves it, with these lines in connection.env. */
function createProvisionedFolder(lines: string) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-address-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "agents/imhotep"), { recursive: true });
  const GROUNDCREW_TOKEN_FILE = join(folder, "agents/imhotep/token");
  writeFileSync(GROUNDCREW_TOKEN_FILE, "a-token-of-these-tests\n", { mode: 0o600 });
  const connection = join(folder, "connection.env");
  writeFileSync(connection, lines, { mode: 0o600 });
  return { connection, env: { GROUNDCREW_TOKEN_FILE } };
}

test.each([
  ["PORT=9001\n", "http://127.0.0.1:9001"],
  ["PORT=9001\nPUBLIC_URL=https://crew.example.com\n", "https://crew.example.com"],
  ["HOST=0.0.0.0\nPORT=9001\n", "http://127.0.0.1:9001"],
])("groundcrew finds the address beside the token that provision created (%j)", (lines, address) => {
  const { env } = createProvisionedFolder(`PLANE_URL=https://plane.example.com\n${lines}`);
  expect(findServerAddress(env)).toBe(address);
});

test("GROUNDCREW_URL overrides provision's settings, and a token from elsewhere has no settings", () => {
  const { env } = createProvisionedFolder("PLANE_URL=https://plane.example.com\nPORT=9001\n");
  expect(findServerAddress({ ...env, GROUNDCREW_URL: "https://other.example.com" })).toBe("https://other.example.com");
  expect(findServerAddress({ ...env, GROUNDCREW_TOKEN: "another-token" })).toBeUndefined();
  expect(findServerAddress({ GROUNDCREW_TOKEN_FILE: "/run/secrets/token" })).toBeUndefined();
  expect(findServerAddress({})).toBeUndefined();
});

test("groundcrew sends no token to an address that others could have written", () => {
  const { env, connection } = createProvisionedFolder("PLANE_URL=https://plane.example.com\nPORT=9001\n");
  chmodSync(connection, 0o666);
  expect(() => findServerAddress(env)).toThrow(/connection\.env is a file of mode 0666; .* Or set GROUNDCREW_URL\./);
});

import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { nodeFiles } from "../../../runtime/node/files.ts";
import { createProvisionDisk, provisionDisk } from "../../../runtime/provision/provision-disk.ts";
import { createProvisionSetup, TEAM_AGENTS } from "../../functions/provision/provision-setup.ts";

/** The provision command with real files: SECRETS_FILE in `data`, beside it a folder `outside` that is not its own. */
async function createDiskSetup() {
  const root = mkdtempSync(join(tmpdir(), "groundcrew-provision-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const [data, outside] = [join(root, "data"), join(root, "outside")];
  mkdirSync(outside);
  const config = join(root, "groundcrew.json");
  writeFileSync(config, JSON.stringify({ agents: TEAM_AGENTS }), { mode: 0o600 });
  const secretsFile = join(data, "secrets.json");
  const setup = await createProvisionSetup({ env: { SECRETS_FILE: secretsFile, GROUNDCREW_CONFIG: config } });
  const provision = (...args: string[]) =>
    setup.provision(["--yes", ...args], { disk: createProvisionDisk(), files: nodeFiles });
  return { setup, data, outside, secretsFile, provision };
}

const getFileMode = (path: string) => (statSync(path).mode & 0o777).toString(8);

test.each([
  ["a text", "keep me\n"],
  ["JSON of another program", '{"version":1,"auths":{"registry":{}}}'],
])(
  "SECRETS_FILE that links to %s elsewhere is refused, and nothing is overwritten or done in Plane",
  async (_what, text) => {
    const { setup, data, outside, secretsFile, provision } = await createDiskSetup();
    const target = join(outside, "file");
    writeFileSync(target, text, { mode: 0o600 });
    mkdirSync(data);
    symlinkSync(target, secretsFile);
    const { exit, err } = await provision();
    expect(exit).toBe(78);
    expect(err).toContain(secretsFile);
    expect(readFileSync(target, "utf8")).toBe(text);
    expect(setup.plane.ledger.requests).toEqual([]);
  },
);

test("SECRETS_FILE that links to a secrets file elsewhere keeps the link: the secrets are stored in its target", async () => {
  const { data, outside, secretsFile, provision } = await createDiskSetup();
  const target = join(outside, "secrets.json");
  writeFileSync(target, '{"TICK_TOKEN":"kept-and-long-enough-1"}', { mode: 0o600 });
  mkdirSync(data);
  symlinkSync(target, secretsFile);
  expect((await provision()).exit).toBe(0);
  expect(lstatSync(secretsFile).isSymbolicLink()).toBe(true);
  expect(JSON.parse(readFileSync(target, "utf8"))).toMatchObject({
    TICK_TOKEN: "kept-and-long-enough-1",
    ADMIN_TOKEN: expect.any(String),
  });
  expect(getFileMode(target)).toBe("600");
  expect(readdirSync(outside)).toEqual(["secrets.json"]);
  expect(await provision()).toMatchObject({ exit: 0, out: expect.stringContaining("Nothing to do") });
});

test("a folder of SECRETS_FILE that is a link is used as it is, and other files in it stay", async () => {
  const { data, outside, secretsFile, provision } = await createDiskSetup();
  writeFileSync(join(outside, "notes.txt"), "keep me\n");
  symlinkSync(outside, data);
  expect((await provision()).exit).toBe(0);
  expect(lstatSync(data).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(outside, "notes.txt"), "utf8")).toBe("keep me\n");
  expect(getFileMode(secretsFile)).toBe("600");
});

test.each(["secrets.json", "provision-secrets.json"])(
  "%s that links to a missing file is refused: neither the link nor its target is written",
  async (name) => {
    const { setup, data, outside, provision } = await createDiskSetup();
    mkdirSync(data);
    const link = join(data, name);
    symlinkSync(join(outside, "missing"), link);
    const { exit, err } = await provision();
    expect(exit).toBe(78);
    expect(err).toContain(`${link} is a symbolic link to a file that does not exist`);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readdirSync(outside)).toEqual([]);
    expect(setup.plane.ledger.requests).toEqual([]);
  },
);

test("a write through a link whose target is missing fails and leaves no temporary file", async () => {
  const { data, outside } = await createDiskSetup();
  mkdirSync(data);
  const link = join(data, "token");
  symlinkSync(join(outside, "missing"), link);
  await expect(provisionDisk.write(link, "secret", 0o600)).rejects.toThrow(
    "is a symbolic link to a file that does not exist",
  );
  expect(readdirSync(data)).toEqual(["token"]);
  expect(readdirSync(outside)).toEqual([]);
});

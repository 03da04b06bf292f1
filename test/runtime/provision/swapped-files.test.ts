import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeFiles } from "../../../runtime/node/files.ts";
import { createProvisionDisk } from "../../../runtime/provision/provision-disk.ts";
import { createProcessSetup, createProvisionSetup, TEAM_AGENTS } from "../../functions/provision/provision-setup.ts";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";
import { createCommandFolder, listFiles } from "./command-folder.ts";

/** The full run tries each form, the usual one the first. */
const sample = <T>(forms: readonly T[]): readonly T[] => (IS_FULL_RUN ? forms : forms.slice(0, 1));

/**
 * A run of the real command during which `swap` runs once, while Plane handles the first project request: then the
 * accounts and keys are stored, and the token files and other secrets are still to be written.
 */
async function createSwapRun() {
  const setup = await createProcessSetup({ config: { agents: TEAM_AGENTS.slice(0, 2) } });
  const folder = createCommandFolder(setup);
  const outside = join(folder.cwd, "outside");
  makeOpenFolder(outside);
  async function runWithSwap(swap: () => void) {
    let isDone = false;
    setup.plane.faults.beforeRequest(({ method, path }) => {
      if (isDone || method !== "POST" || !/\/projects\/$/.test(path)) return;
      isDone = true;
      swap();
    });
    const result = await folder.run("--yes");
    expect(isDone).toBe(true);
    return result;
  }
  /** Files that others may read, and files outside the data folder: neither may contain a secret. */
  const findExposed = () =>
    listFiles(folder.cwd).filter((path) => {
      const stats = lstatSync(join(folder.cwd, path));
      return !stats.isSymbolicLink() && (path.startsWith("outside/") || Boolean(stats.mode & 0o077));
    });
  return { setup, folder, outside, data: join(folder.cwd, "data"), runWithSwap, findExposed };
}

test.each(sample(["secrets.json", "agents/imhotep/token"]))(
  "a link to another file that takes the place of %s during a provision run is refused, and the other file is not overwritten",
  async (name) => {
    const { data, outside, folder, runWithSwap, findExposed } = await createSwapRun();
    const target = join(outside, "theirs.json");
    const path = join(data, name);
    writeFiles(outside, { "theirs.json": '{"TICK_TOKEN":"of-another-program-1"}' }, 0o644);
    const { exit, err, out } = await runWithSwap(() => {
      rmSync(path, { force: true });
      mkdirSync(join(path, ".."), { recursive: true });
      symlinkSync(target, path);
    });
    expect(exit).toBe(1);
    expect(out + err).toContain(`${path.slice(folder.cwd.length + 1)} was replaced by another process`);
    expect(readFileSync(target, "utf8")).toBe('{"TICK_TOKEN":"of-another-program-1"}');
    expect(findExposed()).toEqual(["data/skill/plane-bridge/SKILL.md", "outside/theirs.json"]);
  },
  30_000,
);

const REPLACED_FOLDERS: [string, (data: string, outside: string) => void][] = [
  ["a link to another folder", (data, outside) => symlinkSync(outside, data)],
  ["another folder that everyone may write to", makeOpenFolder],
];

function makeOpenFolder(path: string): void {
  mkdirSync(path);
  chmodSync(path, 0o777);
}

test.each(sample(REPLACED_FOLDERS))(
  "%s that takes the place of the data folder during a provision run receives no file, and no secret is lost",
  async (_what, replace) => {
    const { data, outside, folder, runWithSwap, findExposed } = await createSwapRun();
    const moved = `${data}.moved`;
    const { exit, out } = await runWithSwap(() => {
      renameSync(data, moved);
      replace(data, outside);
    });
    expect(exit).toBe(1);
    expect(out).toMatch(/was (?:removed or )?replaced/);
    expect(listFiles(outside)).toEqual([]);
    expect(lstatSync(data).isSymbolicLink() ? [] : listFiles(data)).toEqual([]);
    expect(findExposed()).toEqual([]);
    rmSync(data, { recursive: true });
    renameSync(moved, data);
    expect(await folder.run("--yes")).toMatchObject({ exit: 0 });
  },
  30_000,
);

/** The provision command with real files: SECRETS_FILE in `data`, beside it a folder `outside` that is not its own. */
async function createDiskSetup() {
  const root = createTestFolder("provision");
  const [data, outside] = [join(root, "data"), join(root, "outside")];
  mkdirSync(outside);
  const config = join(root, "groundcrew.json");
  writeFiles(root, { "groundcrew.json": { agents: TEAM_AGENTS } });
  const env = { SECRETS_FILE: join(data, "secrets.json"), GROUNDCREW_CONFIG: config };
  const setup = await createProvisionSetup({ env });
  const provision = (...args: string[]) =>
    setup.provision(["--yes", ...args], { disk: createProvisionDisk(), files: nodeFiles });
  return { setup, data, outside, provision };
}

test.each([
  ["secrets.json", "a text", "file", ""],
  ["secrets.json", "a missing file", "missing", " is a symbolic link to a file that does not exist"],
  ["provision-secrets.json", "a missing file", "missing", " is a symbolic link to a file that does not exist"],
])(
  "%s that links to %s elsewhere is refused: neither the link nor its target is written, and nothing is done in Plane",
  async (name, _what, target, problem) => {
    const { setup, data, outside, provision } = await createDiskSetup();
    if (target === "file") writeFiles(outside, { file: "keep me\n" });
    mkdirSync(data);
    const link = join(data, name);
    symlinkSync(join(outside, target), link);
    const { exit, err } = await provision();
    expect(exit).toBe(78);
    expect(err).toContain(link + problem);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    const texts = readdirSync(outside).map((path) => readFileSync(join(outside, path), "utf8"));
    expect(texts).toEqual(target === "file" ? ["keep me\n"] : []);
    expect(setup.plane.ledger.requests).toEqual([]);
  },
);

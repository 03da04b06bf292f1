import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeFiles } from "../../../runtime/node/files.ts";
import { createProvisionDisk } from "../../../runtime/provision/provision-disk.ts";
import {
  createProcessSetup,
  createProvisionSetup,
  type ProvisionSetup,
  TEAM_AGENTS,
} from "../../functions/provision/provision-setup.ts";
import { readProvisionedState } from "../../functions/provision/provisioned-state.ts";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { startProgram, toCommand } from "../../support/program.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";

/** A folder with the settings, in which `start` runs the real command. It is removed at the end of the test. */
function createCommandFolder(setup: ProvisionSetup) {
  const cwd = createTestFolder("provision");
  writeFiles(cwd, { "groundcrew.json": setup.files.get("groundcrew.json")?.text ?? "" });

  /** Starts the command with these arguments. */
  const start = (...args: string[]) => startProgram(toCommand("provision", ...args), { cwd, env: setup.env });
  return {
    cwd,
    lock: join(cwd, "data/provision.lock"),
    start,
    run: (...args: string[]) => start(...args).ended,
    read: (path: string) => readFileSync(join(cwd, path), "utf8"),
    /** Copies the files to the setup's files in memory, so that its readers apply to this folder. */
    loadFiles() {
      setup.files.clear();
      for (const path of listFiles(cwd)) {
        const mode = lstatSync(join(cwd, path)).mode & 0o777;
        setup.files.set(path, { text: readFileSync(join(cwd, path), "utf8"), mode });
      }
    },
  };
}

/** The paths of all files in a folder and its subfolders, relative to it. */
function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => !lstatSync(join(folder, path)).isDirectory())
    .sort();
}

const PLANE_ADMIN_PASSWORD = "the-password-of-the-admin-1";
const createTeamSetup = () =>
  createProcessSetup({ config: { agents: TEAM_AGENTS.slice(0, 2) }, env: { PLANE_ADMIN_PASSWORD } });

/** The changes at which a run is stopped, in their order. */
const STEPS = [
  ["set-up", "POST", /^\/api\/instances\/admins\/sign-up\/$/],
  ["workspace", "POST", /\/api\/workspaces\/$/],
  ["account", "POST", /^\/auth\/sign-up\/$/],
  ["API key", "POST", /^\/api\/users\/api-tokens\/$/],
  ["webhook", "POST", /\/webhooks\/$/],
  ["project", "POST", /\/api\/v1\/.*\/projects\/$/],
  ["sample task", "POST", /\/work-items\/$/],
] as const;

/** The full run tries each step, the usual one that at which a secret could be lost. */
const TRIED_STEPS = process.env["FULL"] ? STEPS : STEPS.filter(([name]) => name === "API key");

/** Calls `act` before Plane handles the first request of each step; returns the steps that have been reached. */
function interruptAt(setup: ProvisionSetup, steps: readonly (typeof STEPS)[number][], act: () => unknown) {
  const reached = new Set<string>();
  setup.plane.faults.beforeRequest(async (request) => {
    const step = steps.find(([, method, path]) => method === request.method && path.test(request.path));
    if (!step || reached.has(step[0])) return;
    reached.add(step[0]);
    await act();
  });
  return reached;
}

let undisturbed: ReturnType<typeof readProvisionedState> | undefined;

/** The state that a run without interruption leads to. */
const readUndisturbedState = () => (undisturbed ??= runUndisturbed());

async function runUndisturbed() {
  const setup = await createTeamSetup();
  const folder = createCommandFolder(setup);
  expect(await folder.run("--yes")).toMatchObject({ exit: 0 });
  folder.loadFiles();
  return readProvisionedState(setup);
}

test("a provision process killed by SIGKILL at any step and repeated while its lock is still there makes nothing twice and loses no secret", async () => {
  const end = await readUndisturbedState();
  for (const step of TRIED_STEPS) {
    const setup = await createTeamSetup();
    const folder = createCommandFolder(setup);
    let kill: (() => unknown) | undefined;
    const reached = interruptAt(setup, [step], () => kill?.());
    const first = folder.start("--yes");
    kill = () => first.signal("SIGKILL");
    expect((await first.ended).exit, step[0]).toBeNull();
    expect([...reached]).toEqual([step[0]]);
    expect(existsSync(folder.lock), step[0]).toBe(true);
    expect(await folder.run("--yes"), step[0]).toMatchObject({ exit: 0 });
    folder.loadFiles();
    expect(await readProvisionedState(setup), step[0]).toEqual(end);
    expect((await folder.run("--yes")).out, step[0]).toContain("Nothing to do");
  }
}, 600_000);

test("a second provision process of the same folder is refused at any step of the first, which ends like an undisturbed run", async () => {
  const end = await readUndisturbedState();
  const setup = await createTeamSetup();
  const folder = createCommandFolder(setup);
  const seconds: Awaited<ReturnType<typeof folder.run>>[] = [];
  // A process for each step in the full run; otherwise at the first, a middle one and the last.
  const triedSteps = STEPS.filter((_, i) => process.env["FULL"] || i % 3 === 0);
  interruptAt(setup, triedSteps, async () => seconds.push(await folder.run("--yes")));
  const first = folder.start("--yes");
  expect(await first.ended).toMatchObject({ exit: 0 });
  expect(seconds).toHaveLength(triedSteps.length);
  for (const { exit, out, err } of seconds) {
    expect([exit, out]).toEqual([1, ""]);
    expect(err).toContain(`Another provision is running (process ${first.child.pid}`);
    expect(err).toContain("Wait until it has ended and run the same command again");
  }
  folder.loadFiles();
  expect(await readProvisionedState(setup)).toEqual(end);
}, 60_000);

test("provision releases its lock when it is stopped by SIGINT, and says how to continue", async () => {
  const setup = await createTeamSetup();
  const { start, lock } = createCommandFolder(setup);
  setup.plane.faults.add({ path: "/projects/" }, { kind: "half-open" });
  const isSilent = () => setup.plane.ledger.requests.some(({ status }) => status === 0);
  const run = start("--yes");
  await expect.poll(isSilent, { timeout: 15_000 }).toBe(true);
  expect(existsSync(lock)).toBe(true);
  run.signal("SIGINT");
  const { exit, err } = await run.ended;
  expect(exit).toBe(130);
  expect(err).toContain("Run the same command again: it continues where it stopped.");
  expect(existsSync(lock)).toBe(false);
}, 60_000);

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

test.each([
  ["secrets.json", "a text", "file", ""],
  ["secrets.json", "a missing file", "missing", " is a symbolic link to a file that does not exist"],
  ["provision-secrets.json", "a missing file", "missing", " is a symbolic link to a file that does not exist"],
])(
  "%s that links to %s elsewhere is refused: neither the link nor its target is written, and nothing is done in Plane",
  async (name, _what, target, problem) => {
    const root = createTestFolder("provision");
    const [data, outside] = [join(root, "data"), join(root, "outside")];
    mkdirSync(outside);
    const config = join(root, "groundcrew.json");
    writeFiles(root, { "groundcrew.json": { agents: TEAM_AGENTS } });
    const env = { SECRETS_FILE: join(data, "secrets.json"), GROUNDCREW_CONFIG: config };
    const setup = await createProvisionSetup({ env });
    if (target === "file") writeFiles(outside, { file: "keep me\n" });
    mkdirSync(data);
    const link = join(data, name);
    symlinkSync(join(outside, target), link);
    const { exit, err } = await setup.provision(["--yes"], { disk: createProvisionDisk(), files: nodeFiles });
    expect(exit).toBe(78);
    expect(err).toContain(link + problem);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    const texts = readdirSync(outside).map((path) => readFileSync(join(outside, path), "utf8"));
    expect(texts).toEqual(target === "file" ? ["keep me\n"] : []);
    expect(setup.plane.ledger.requests).toEqual([]);
  },
);

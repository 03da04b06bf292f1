import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { createProcessSetup, type ProvisionSetup, TEAM_AGENTS } from "../../functions/provision/provision-setup.ts";
import { readProvisionedState } from "../../functions/provision/provisioned-state.ts";
import { createCommandFolder } from "./command-folder.ts";

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

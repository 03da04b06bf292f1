import { expect, test } from "vitest";
import type { ProvisionEnvironment } from "../../../runtime/provision/run-provision.ts";
import { createProvisionSetup, type ProvisionSetup, TEAM_AGENTS } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

/** The smallest team with every kind of step. */
const human = { email: "grace@example.test", name: "Grace" };
const config = { agents: TEAM_AGENTS.slice(0, 2), provision: { human } };
const OPTIONS = ["--yes", "--remove-sample-project"];
const ARGS = [...OPTIONS, "--json"];

/** Thrown by everything a killed process would still have tried. */
class CrashedError extends Error {}

/** A process that crashes at its nth request or write: before it, or right after it, without reading the answer. */
function createCrashingWorld(setup: ProvisionSetup, at: number, when: "before" | "after") {
  let actCount = 0;
  let isCrashed = false;
  async function runAct<T>(run: () => Promise<T>): Promise<T> {
    actCount += 1;
    if (isCrashed || (actCount === at && when === "before")) {
      isCrashed = true;
      throw new CrashedError();
    }
    const done = await run();
    if (actCount === at) {
      isCrashed = true;
      throw new CrashedError();
    }
    return done;
  }
  const change: Partial<ProvisionEnvironment> = {
    fetch: (input, init) => runAct(() => globalThis.fetch(input, init)),
    disk: { read: setup.disk.read, write: (...args) => runAct(() => setup.disk.write(...args)) },
    wait: async () => {
      if (isCrashed) throw new CrashedError();
    },
  };
  return { change, acts: () => actCount };
}

async function countActsOfRun() {
  const setup = await createProvisionSetup({ config });
  const undisturbed = createCrashingWorld(setup, Number.POSITIVE_INFINITY, "before");
  expect((await setup.provision(ARGS, undisturbed.change)).exit).toBe(0);
  return { acts: undisturbed.acts(), end: await readProvisionedState(setup) };
}

const { FULL } = process.env;
test.each(["before", "after"] as const)(
  `a provision run that is killed and repeated ends like an undisturbed run when it is killed %s ${FULL ? "each request and write" : "some requests and writes"}`,
  async (when) => {
    const { acts, end } = await countActsOfRun();
    expect(acts).toBeGreaterThan(80);
    const stride = FULL ? 1 : 41;
    for (let at = when === "before" ? 1 : 9; at <= acts; at += stride) {
      const setup = await createProvisionSetup({ config });
      await setup.provision(ARGS, createCrashingWorld(setup, at, when).change);
      const again = await setup.provisionWithReport(OPTIONS);
      expect(again.failed, `killed ${when} act ${at}`).toEqual([]);
      expect(await readProvisionedState(setup), `killed ${when} act ${at}`).toEqual(end);
      expect((await setup.provisionWithReport(OPTIONS)).changed, `killed ${when} act ${at}`).toBe(0);
      await setup.plane.stop();
    }
  },
  FULL ? 900_000 : 60_000,
);

test("a provision run that is killed and repeated ends like an undisturbed run when it is killed twice in a row", async () => {
  const { acts, end } = await countActsOfRun();
  for (const at of [Math.floor(acts / 3), Math.floor(acts / 2)]) {
    const setup = await createProvisionSetup({ config });
    await setup.provision(ARGS, createCrashingWorld(setup, at, "after").change);
    await setup.provision(ARGS, createCrashingWorld(setup, 12, "after").change);
    expect((await setup.provisionWithReport(OPTIONS)).failed).toEqual([]);
    expect(await readProvisionedState(setup)).toEqual(end);
  }
});

test("provision continues where it stopped when each run is killed after one step", async () => {
  const { end } = await countActsOfRun();
  const first = await createProvisionSetup({ config });
  const { steps } = await first.provisionWithReport(OPTIONS);
  const setup = await createProvisionSetup({ config });
  for (const { name } of steps) {
    // The process dies as soon as this step reports its result.
    let isDead = false;
    const change: Partial<ProvisionEnvironment> = {
      err: (text) => {
        if (text.startsWith(`${name}: created`) || text.startsWith(`${name}: changed`)) isDead = true;
      },
      fetch: (input, init) => (isDead ? Promise.reject(new CrashedError()) : globalThis.fetch(input, init)),
      disk: {
        read: setup.disk.read,
        write: async (...args) => {
          if (isDead) throw new CrashedError();
          return setup.disk.write(...args);
        },
      },
    };
    await setup.provision(OPTIONS, change);
  }
  expect(await readProvisionedState(setup)).toEqual(end);
  expect((await setup.provisionWithReport(OPTIONS)).changed).toBe(0);
});

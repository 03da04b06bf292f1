import { describe, expect, test } from "vitest";
import type { ProvisionEnvironment } from "../../../runtime/provision/run-provision.ts";
import { createProvisionSetup, type ProvisionSetup, TEAM_AGENTS } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

/** The smallest team with every kind of step. */
const human = { email: "grace@example.test", name: "Grace" };
const config = { agents: TEAM_AGENTS.slice(0, 2), provision: { human } };
const ARGS = ["--yes", "--json"];

/** Thrown by everything a killed process would still have tried. */
class CrashedError extends Error {}

/** A process that dies at its nth request or write: before it, or right after it, when nobody has read the answer. */
function createCrashingWorld(crew: ProvisionSetup, at: number, when: "before" | "after") {
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
    disk: { read: crew.disk.read, write: (...given) => runAct(() => crew.disk.write(...given)) },
    wait: async () => {
      if (isCrashed) throw new CrashedError();
    },
  };
  return { change, acts: () => actCount };
}

async function countActsOfRun() {
  const crew = await createProvisionSetup({ config });
  const whole = createCrashingWorld(crew, Number.POSITIVE_INFINITY, "before");
  expect((await crew.provision(ARGS, whole.change)).exit).toBe(0);
  return { acts: whole.acts(), end: await readProvisionedState(crew) };
}

describe("a run that is killed and repeated ends where one that was not ends", () => {
  const { FULL } = process.env;
  test.each(["before", "after"] as const)(
    `%s ${FULL ? "each request and write" : "requests and writes here and there"}`,
    async (when) => {
      const { acts, end } = await countActsOfRun();
      expect(acts).toBeGreaterThan(80);
      const stride = FULL ? 1 : 41;
      for (let at = when === "before" ? 1 : 9; at <= acts; at += stride) {
        const crew = await createProvisionSetup({ config });
        await crew.provision(ARGS, createCrashingWorld(crew, at, when).change);
        const again = await crew.provisionWithReport();
        expect(again.failed, `killed ${when} act ${at}`).toEqual([]);
        expect(await readProvisionedState(crew), `killed ${when} act ${at}`).toEqual(end);
        expect((await crew.provisionWithReport()).changed, `killed ${when} act ${at}`).toBe(0);
        await crew.plane.stop();
      }
    },
    FULL ? 900_000 : 60_000,
  );

  test("twice in a row at the same place, and then let through", async () => {
    const { acts, end } = await countActsOfRun();
    for (const at of [Math.floor(acts / 3), Math.floor(acts / 2)]) {
      const crew = await createProvisionSetup({ config });
      await crew.provision(ARGS, createCrashingWorld(crew, at, "after").change);
      await crew.provision(ARGS, createCrashingWorld(crew, 12, "after").change);
      expect((await crew.provisionWithReport()).failed).toEqual([]);
      expect(await readProvisionedState(crew)).toEqual(end);
    }
  });
});

test("after each step: what is done stays done, and the next run goes on", async () => {
  const { end } = await countActsOfRun();
  const first = await createProvisionSetup({ config });
  const { steps } = await first.provisionWithReport();
  const crew = await createProvisionSetup({ config });
  for (const { name } of steps) {
    // Dies as soon as this step has said that it is over.
    let dead = false;
    const change: Partial<ProvisionEnvironment> = {
      err: (text) => {
        if (text.startsWith(`${name}: created`) || text.startsWith(`${name}: changed`)) dead = true;
      },
      fetch: (input, init) => (dead ? Promise.reject(new CrashedError()) : globalThis.fetch(input, init)),
      disk: {
        read: crew.disk.read,
        write: async (...given) => {
          if (dead) throw new CrashedError();
          return crew.disk.write(...given);
        },
      },
    };
    await crew.provision(["--yes"], change);
  }
  expect(await readProvisionedState(crew)).toEqual(end);
  expect((await crew.provisionWithReport()).changed).toBe(0);
});

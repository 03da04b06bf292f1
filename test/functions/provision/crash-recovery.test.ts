import { expect, test, vi } from "vitest";
import type { ProvisionEnvironment } from "../../../runtime/provision/run-provision.ts";
import { createSeededRandom } from "../../../simulators/seeded-random.ts";
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
vi.setConfig({ testTimeout: 900_000 });
test.each(["before", "after"] as const)("a run killed %s an act and repeated ends as if undisturbed", async (when) => {
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
});

/**
 * A fetch that loses, truncates, refuses or replaces about one answer in ten. In half of these cases Plane still
 * carried out the request.
 */
function createUnreliableFetch(random: () => number): typeof globalThis.fetch {
  return async (input, init) => {
    const draw = random();
    if (draw < 0.02) return new Response("<html>bad gateway</html>", { status: 502 });
    if (draw < 0.03) return new Response("<html>wait</html>", { status: 200 });
    if (draw < 0.05) return new Response('{"detail":"throttled"}', { status: 429, headers: { "retry-after": "7" } });
    const answer = await globalThis.fetch(input, init);
    if (draw < 0.07) throw new TypeError("fetch failed", { cause: new Error("reset") });
    if (draw < 0.08) return new Response('{"error":"Something went wrong please try again later"}', { status: 500 });
    if (draw < 0.09 && answer.status === 200) return new Response((await answer.text()).slice(0, -7));
    return answer;
  };
}

async function provisionUntilDone(setup: ProvisionSetup, args: string[], fetch: typeof globalThis.fetch) {
  for (let nth = 1; (await setup.provisionWithReport(["--yes", ...args], { fetch })).exit !== 0; nth += 1)
    expect(nth, args.join(" ")).toBeLessThan(40);
}

test.each(FULL ? [103, 107, 108] : [103])("on a bad network (seed %i) repeated runs end the same", async (seed) => {
  const [reference, setup] = [await createProvisionSetup({ config }), await createProvisionSetup({ config })];
  await reference.provision();
  const end = await readProvisionedState(reference);
  const fetch = createUnreliableFetch(createSeededRandom(seed));
  await provisionUntilDone(setup, [], fetch);
  expect(await readProvisionedState(setup)).toEqual(end);
  await provisionUntilDone(setup, ["--rotate", "all"], fetch);
  await provisionUntilDone(setup, ["--retire"], fetch);
  expect(await readProvisionedState(setup)).toEqual(end);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

import { expect, test } from "vitest";
import { createSeededRandom } from "../../../simulators/seeded-random.ts";
import { createProvisionSetup, type ProvisionSetup, TEAM_AGENTS } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

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

test.each([
  [103, "1.3.1"],
  [107, "1.2.2"],
  [108, "1.3.1"],
] as const)(
  "on an unreliable network (seed %i, v%s) repeated runs end like one run on a reliable network",
  async (seed, version) => {
    const config = { agents: TEAM_AGENTS, provision: { human: { email: "grace@example.test", name: "Grace" } } };
    const [reference, setup] = [
      await createProvisionSetup({ version, config }),
      await createProvisionSetup({ version, config }),
    ];
    await reference.provision();
    const end = await readProvisionedState(reference);
    const fetch = createUnreliableFetch(createSeededRandom(seed));
    await provisionUntilDone(setup, [], fetch);
    expect(await readProvisionedState(setup)).toEqual(end);
    await provisionUntilDone(setup, ["--rotate", "all"], fetch);
    await provisionUntilDone(setup, ["--retire"], fetch);
    expect(await readProvisionedState(setup)).toEqual(end);
    expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
  },
  60_000,
);

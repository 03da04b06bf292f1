import { expect, test } from "vitest";
import { createSeededRandom } from "../../../simulators/seeded-random.ts";
import { createProvisionSetup, type ProvisionSetup, TEAM_AGENTS } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

/** About one answer in ten is lost, cut off, refused or not Plane's; of half of them what was asked is done all the same. */
function createUnreliableFetch(random: () => number): typeof globalThis.fetch {
  return async (input, init) => {
    const luck = random();
    if (luck < 0.02) return new Response("<html>bad gateway</html>", { status: 502 });
    if (luck < 0.03) return new Response("<html>wait</html>", { status: 200 });
    if (luck < 0.05) return new Response('{"detail":"throttled"}', { status: 429, headers: { "retry-after": "7" } });
    const answer = await globalThis.fetch(input, init);
    if (luck < 0.07) throw new TypeError("fetch failed", { cause: new Error("reset") });
    if (luck < 0.08) return new Response('{"error":"Something went wrong please try again later"}', { status: 500 });
    if (luck < 0.09 && answer.status === 200) return new Response((await answer.text()).slice(0, -7));
    return answer;
  };
}

async function provisionUntilDone(crew: ProvisionSetup, args: string[], fetch: typeof globalThis.fetch) {
  for (let nth = 1; (await crew.provisionWithReport(["--yes", ...args], { fetch })).exit !== 0; nth += 1)
    expect(nth, args.join(" ")).toBeLessThan(40);
}

test.each([
  [103, "1.3.1"],
  [107, "1.2.2"],
  [108, "1.3.1"],
] as const)(
  "in bad weather (%i, v%s) it ends, run by run, where it ends in good",
  async (seed, version) => {
    const config = { agents: TEAM_AGENTS, provision: { human: { email: "grace@example.test", name: "Grace" } } };
    const [calm, crew] = [
      await createProvisionSetup({ version, config }),
      await createProvisionSetup({ version, config }),
    ];
    await calm.provision();
    const end = await readProvisionedState(calm);
    const fetch = createUnreliableFetch(createSeededRandom(seed));
    await provisionUntilDone(crew, [], fetch);
    expect(await readProvisionedState(crew)).toEqual(end);
    await provisionUntilDone(crew, ["--rotate", "all"], fetch);
    await provisionUntilDone(crew, ["--retire"], fetch);
    expect(await readProvisionedState(crew)).toEqual(end);
    expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
  },
  60_000,
);

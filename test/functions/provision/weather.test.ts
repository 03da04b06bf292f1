import { expect, test } from "vitest";
import { seeded } from "../../../demo/plane/random.ts";
import { type Rig, rig, TEAM } from "./rig.ts";
import { stateOf } from "./state.ts";

/** About one answer in ten is lost, cut off, refused or not Plane's; of half of them what was asked is done all the same. */
function bad(random: () => number): typeof globalThis.fetch {
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

async function untilDone(crew: Rig, args: string[], fetch: typeof globalThis.fetch) {
  for (let nth = 1; (await crew.report(["--yes", ...args], { fetch })).exit !== 0; nth += 1)
    expect(nth, args.join(" ")).toBeLessThan(40);
}

test.each([
  [103, "1.3.1"],
  [107, "1.2.2"],
  [108, "1.3.1"],
] as const)(
  "in bad weather (%i, v%s) it ends, run by run, where it ends in good",
  async (seed, version) => {
    const config = { agents: TEAM, provision: { human: { email: "grace@example.test", name: "Grace" } } };
    const [calm, crew] = [await rig({ version, config }), await rig({ version, config })];
    await calm.provision();
    const end = await stateOf(calm);
    const fetch = bad(seeded(seed));
    await untilDone(crew, [], fetch);
    expect(await stateOf(crew)).toEqual(end);
    await untilDone(crew, ["--rotate", "all"], fetch);
    await untilDone(crew, ["--retire"], fetch);
    expect(await stateOf(crew)).toEqual(end);
    expect(await crew.report()).toMatchObject({ changed: 0, failed: [] });
  },
  60_000,
);

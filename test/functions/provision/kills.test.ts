import { describe, expect, test } from "vitest";
import type { World } from "../../../runtime/provision/run.ts";
import { type Rig, rig, TEAM } from "./rig.ts";
import { stateOf } from "./state.ts";

/** The smallest team with every kind of step. */
const human = { email: "grace@example.test", name: "Grace" };
const config = { agents: TEAM.slice(0, 2), provision: { human } };
const ARGS = ["--yes", "--json"];

/** Thrown by everything a killed process would still have tried. */
class Killed extends Error {}

/** A process that dies at its nth request or write: before it, or right after it, when nobody has read the answer. */
function mortal(crew: Rig, at: number, when: "before" | "after") {
  let acts = 0;
  let dead = false;
  async function act<T>(run: () => Promise<T>): Promise<T> {
    acts += 1;
    if (dead || (acts === at && when === "before")) {
      dead = true;
      throw new Killed();
    }
    const done = await run();
    if (acts === at) {
      dead = true;
      throw new Killed();
    }
    return done;
  }
  const change: Partial<World> = {
    fetch: (input, init) => act(() => globalThis.fetch(input, init)),
    disk: { read: crew.disk.read, write: (...given) => act(() => crew.disk.write(...given)) },
    wait: async () => {
      if (dead) throw new Killed();
    },
  };
  return { change, acts: () => acts };
}

async function actsOfARun() {
  const crew = await rig({ config });
  const whole = mortal(crew, Number.POSITIVE_INFINITY, "before");
  expect((await crew.provision(ARGS, whole.change)).exit).toBe(0);
  return { acts: whole.acts(), end: await stateOf(crew) };
}

describe("a run that is killed and repeated ends where one that was not ends", () => {
  const { FULL } = process.env;
  test.each(["before", "after"] as const)(
    `%s ${FULL ? "each request and write" : "requests and writes here and there"}`,
    async (when) => {
      const { acts, end } = await actsOfARun();
      expect(acts).toBeGreaterThan(80);
      const stride = FULL ? 1 : 41;
      for (let at = when === "before" ? 1 : 9; at <= acts; at += stride) {
        const crew = await rig({ config });
        await crew.provision(ARGS, mortal(crew, at, when).change);
        const again = await crew.report();
        expect(again.failed, `killed ${when} act ${at}`).toEqual([]);
        expect(await stateOf(crew), `killed ${when} act ${at}`).toEqual(end);
        expect((await crew.report()).changed, `killed ${when} act ${at}`).toBe(0);
        await crew.plane.stop();
      }
    },
    FULL ? 900_000 : 60_000,
  );

  test("twice in a row at the same place, and then let through", async () => {
    const { acts, end } = await actsOfARun();
    for (const at of [Math.floor(acts / 3), Math.floor(acts / 2)]) {
      const crew = await rig({ config });
      await crew.provision(ARGS, mortal(crew, at, "after").change);
      await crew.provision(ARGS, mortal(crew, 12, "after").change);
      expect((await crew.report()).failed).toEqual([]);
      expect(await stateOf(crew)).toEqual(end);
    }
  });
});

test("after each step: what is done stays done, and the next run goes on", async () => {
  const { end } = await actsOfARun();
  const first = await rig({ config });
  const { steps } = await first.report();
  const crew = await rig({ config });
  for (const { name } of steps) {
    // Dies as soon as this step has said that it is over.
    let dead = false;
    const change: Partial<World> = {
      err: (text) => {
        if (text.startsWith(`${name}: created`) || text.startsWith(`${name}: changed`)) dead = true;
      },
      fetch: (input, init) => (dead ? Promise.reject(new Killed()) : globalThis.fetch(input, init)),
      disk: {
        read: crew.disk.read,
        write: async (...given) => {
          if (dead) throw new Killed();
          return crew.disk.write(...given);
        },
      },
    };
    await crew.provision(["--yes"], change);
  }
  expect(await stateOf(crew)).toEqual(end);
  expect((await crew.report()).changed).toBe(0);
});

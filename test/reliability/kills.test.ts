import { expect, test } from "vitest";
import { keys } from "../../shared/observe/keys.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { createHouse, type House } from "./house.ts";
import { NO_LIMITS } from "./manifest.ts";
import { mortal, STEPS, type Step } from "./mortal.ts";
import { CHAT, keyOf, PATIENT } from "./outside.ts";
import { chance as chanceFor, chanceOf, sized } from "./random.ts";
import { doubled, invented, lost, toldOf } from "./told.ts";

const RUNS = sized(100, 2);
const ITEMS = 6;
/** Longer than any lease of a job that the dead process had taken. */
const LEASES_OVER = 320_000;

/** A few items are worked on and four of six completed; the process ends at the chosen moment and another goes on. */
async function run(seed: number, step: Step) {
  const chance = chanceOf(seed);
  const house = await createHouse({
    random: chance.random,
    outbox: { limits: NO_LIMITS, burst: chance.pick([0, 20_000]) },
    config: { notifications: [{ events: ["completed"] }] },
    telegram: PATIENT,
  });
  const { plane } = house;
  const project = house.project();
  const items = house.items(project, ITEMS);
  await house.begin();

  const done = chance.shuffled(items).slice(0, 4);
  const edits = [
    ...items.map((item) => () => plane.editItem(item, { priority: "high" })),
    ...done.map((item) => () => plane.editItem(item, { state: "In Progress" })),
  ];
  for (const edit of chance.shuffled(edits)) edit();
  for (const item of done) plane.editItem(item, { state: "Done" });
  const bodies = chance.shuffled(house.bodies());

  let died = false;
  // A burst may be one message.
  const nth = 1 + chance.below(step.endsWith("sent") ? 1 : 4);
  await house.start(
    life(house, step, nth, () => {
      died = true;
    }),
  );
  const unanswered = new Set(bodies);
  for (const body of bodies) {
    const sent = house.send(body).then((answer) => answer.ok && unanswered.delete(body));
    await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 15))]);
  }
  await house.time.pass(5_000);

  await house.start();
  for (const body of unanswered) await house.time.during(house.send(body));
  await house.time.pass(LEASES_OVER, 20_000);
  await house.quiet();
  expect((await house.tick()).status).toBe(200);
  await house.quiet();
  return { house, project, done, died, items };
}

function life(house: House, step: Step, nth: number, onEnd: () => void) {
  let fetchOf: typeof fetch = house.time.fetch;
  return {
    store: (store: House["store"]) => {
      const dying = mortal(store, { step, nth }, onEnd, house.time.fetch);
      fetchOf = dying.fetch;
      return dying.store;
    },
    fetch: (): typeof fetch => (input, init) => fetchOf(input, init),
  };
}

/** What is kept of an item, as far as people would see a difference. */
async function kept(house: House, id: string): Promise<unknown> {
  const [found] = await house.store.read<KeptItem>([keys.item(id)]);
  const { state, word, name, priority, updatedAt } = found?.value.snapshot ?? {};
  return { state, word, name, priority, micros: updatedAt };
}

for (const step of STEPS) {
  test(`2: a process that ends ${step} changes nothing in the end`, async () => {
    const chance = chanceFor(step);
    let deaths = 0;
    for (let n = 0; n < RUNS; n += 1) {
      const seed = chance.below(2 ** 31);
      const { house, project, done, died, items } = await run(seed, step);
      if (died) deaths += 1;
      const told = toldOf(house.telegram, CHAT);
      const wanted = done.map((item) => keyOf(project, item));
      expect({ seed, lost: lost(told, wanted), invented: invented(told, wanted), doubled: doubled(told) }).toEqual({
        seed,
        lost: [],
        invented: [],
        doubled: [],
      });
      // One process ended, so at most one sending was cut off, whatever else it was at.
      expect(told.marked).toBeLessThanOrEqual(1);
      for (const item of items) {
        const real = house.plane.item(item);
        const own = { state: real?.state, priority: real?.priority, name: real?.name };
        expect(await kept(house, item.id), `seed ${seed}`).toMatchObject(own);
      }
      for (const queue of ["inbox", "observe", "outbox"] as const) expect(await house.store.dead(queue)).toEqual([]);
    }
    // A moment that never comes proves nothing.
    expect(deaths).toBeGreaterThanOrEqual(RUNS / 2);
  }, 900_000);
}

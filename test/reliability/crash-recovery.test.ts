import { expect, test } from "vitest";
import { observedKeys } from "../../shared/observe/store-keys.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { findDuplicated, findMissing, findUnexpected, readCompletions } from "./completions.ts";
import { crashAtPipelineStep, PIPELINE_STEPS, type PipelineStep } from "./crash-at-pipeline-step.ts";
import { createLoggedRandom as chanceFor, createRandomSource, pickSize } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, toItemKey } from "./simulators.ts";
import { NO_LIMITS } from "./test-manifest.ts";
import { createVirtualTimeApp, type VirtualTimeApp } from "./virtual-time-app.ts";

const RUNS = pickSize(100, 2);
const ITEMS = 6;
/** Longer than any lease of a job that the dead process had taken. */
const LONGEST_LEASE_MS = 320_000;

/** A few items are worked on and four of six completed; the process ends at the chosen moment and another goes on. */
async function runUntilCrash(seed: number, step: PipelineStep) {
  const chance = createRandomSource(seed);
  const house = await createVirtualTimeApp({
    random: chance.random,
    outbox: { limits: NO_LIMITS, burstWindow: chance.pick([0, 20_000]) },
    config: { notifications: [{ events: ["completed"] }] },
    telegram: NO_TELEGRAM_LIMITS,
  });
  const { plane } = house;
  const project = house.addProject();
  const items = house.addItems(project, ITEMS);
  await house.runFirstPoll();

  const done = chance.shuffle(items).slice(0, 4);
  const edits = [
    ...items.map((item) => () => plane.editItem(item, { priority: "high" })),
    ...done.map((item) => () => plane.editItem(item, { state: "In Progress" })),
  ];
  for (const edit of chance.shuffle(edits)) edit();
  for (const item of done) plane.editItem(item, { state: "Done" });
  const bodies = chance.shuffle(house.takeWebhookBodies());

  let died = false;
  // A burst may be one message.
  const nth = 1 + chance.below(step.endsWith("sent") ? 1 : 4);
  await house.start(
    createCrashingOverrides(house, step, nth, () => {
      died = true;
    }),
  );
  const unanswered = new Set(bodies);
  for (const body of bodies) {
    const sent = house.sendWebhook(body).then((answer) => answer.ok && unanswered.delete(body));
    await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 15))]);
  }
  await house.time.advance(5_000);

  await house.start();
  for (const body of unanswered) await house.time.advanceUntilSettled(house.sendWebhook(body));
  await house.time.advance(LONGEST_LEASE_MS, 20_000);
  await house.waitUntilIdle();
  expect((await house.runTick()).status).toBe(200);
  await house.waitUntilIdle();
  return { house, project, done, died, items };
}

function createCrashingOverrides(house: VirtualTimeApp, step: PipelineStep, nth: number, onEnd: () => void) {
  let fetchOf: typeof fetch = house.time.fetch;
  return {
    store: (store: VirtualTimeApp["store"]) => {
      const dying = crashAtPipelineStep(store, { step, nth }, onEnd, house.time.fetch);
      fetchOf = dying.fetch;
      return dying.store;
    },
    fetch: (): typeof fetch => (input, init) => fetchOf(input, init),
  };
}

/** What is kept of an item, as far as people would see a difference. */
async function readKeptFields(house: VirtualTimeApp, id: string): Promise<unknown> {
  const [found] = await house.store.read<KeptItem>([observedKeys.item(id)]);
  const { state, word, name, priority, updatedAt } = found?.value.snapshot ?? {};
  return { state, word, name, priority, micros: updatedAt };
}

for (const step of PIPELINE_STEPS) {
  test(`2: a process that ends ${step} changes nothing in the end`, async () => {
    const chance = chanceFor(step);
    let deaths = 0;
    for (let n = 0; n < RUNS; n += 1) {
      const seed = chance.below(2 ** 31);
      const { house, project, done, died, items } = await runUntilCrash(seed, step);
      if (died) deaths += 1;
      const told = readCompletions(house.telegram, SIMULATED_CHAT);
      const wanted = done.map((item) => toItemKey(project, item));
      expect({
        seed,
        lost: findMissing(told, wanted),
        invented: findUnexpected(told, wanted),
        doubled: findDuplicated(told),
      }).toEqual({
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
        expect(await readKeptFields(house, item.id), `seed ${seed}`).toMatchObject(own);
      }
      for (const queue of ["inbox", "observe", "outbox"] as const)
        expect(await house.store.listDeadJobs(queue)).toEqual([]);
    }
    // A moment that never comes proves nothing.
    expect(deaths).toBeGreaterThanOrEqual(RUNS / 2);
  }, 900_000);
}

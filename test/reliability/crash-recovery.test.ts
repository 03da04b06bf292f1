import { expect, test } from "vitest";
import { observedKeys } from "../../shared/records/store-keys.ts";
import type { ItemRecord } from "../../shared/task/snapshot.ts";
import { findFaults, NO_FAULTS, readCompletions } from "./completions.ts";
import { crashAtPipelineStep, PIPELINE_STEPS, type PipelineStep } from "./crash-at-pipeline-step.ts";
import { createLoggedRandom, createRandomSource, pickSize } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, toItemKey } from "./simulators.ts";
import { NO_LIMITS } from "./test-manifest.ts";
import { createVirtualTimeApp, type VirtualTimeApp } from "./virtual-time-app.ts";

const RUNS = pickSize(100, 2);
const ITEMS = 6;
/** Longer than any lease of a job that the crashed process held. */
const LONGEST_LEASE_MS = 320_000;

/** Edits six items and completes four of them; the process ends at the chosen step and another one continues. */
async function runUntilCrash(seed: number, step: PipelineStep) {
  const randomSource = createRandomSource(seed);
  const app = await createVirtualTimeApp({
    random: randomSource.random,
    outbox: { limits: NO_LIMITS, burstWindow: randomSource.pick([0, 20_000]) },
    config: { notifications: [{ events: ["completed"] }] },
    telegram: NO_TELEGRAM_LIMITS,
  });
  const { plane } = app;
  const project = app.addProject();
  const items = app.addItems(project, ITEMS);
  await app.runFirstPoll();

  const done = randomSource.shuffle(items).slice(0, 4);
  const edits = [
    ...items.map((item) => () => plane.editItem(item, { priority: "high" })),
    ...done.map((item) => () => plane.editItem(item, { state: "In Progress" })),
  ];
  for (const edit of randomSource.shuffle(edits)) edit();
  for (const item of done) plane.editItem(item, { state: "Done" });
  const bodies = randomSource.shuffle(app.takeWebhookBodies());

  let hasCrashed = false;
  const onCrash = () => {
    hasCrashed = true;
  };
  // A burst may be sent as one message, so a second one may never come.
  const nth = 1 + randomSource.below(step.endsWith("sent") ? 1 : 4);
  let currentFetch: typeof fetch = app.time.fetch;
  await app.start({
    store(store) {
      const crashing = crashAtPipelineStep(store, { step, nth }, onCrash, app.time.fetch);
      currentFetch = crashing.fetch;
      return crashing.store;
    },
    fetch: () => (input, init) => currentFetch(input, init),
  });
  const unanswered = new Set(bodies);
  for (const body of bodies) {
    const sent = app.sendWebhook(body).then((answer) => answer.ok && unanswered.delete(body));
    await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 15))]);
  }
  await app.time.advance(5_000);

  await app.start();
  for (const body of unanswered) await app.time.advanceUntilSettled(app.sendWebhook(body));
  await app.time.advance(LONGEST_LEASE_MS, 20_000);
  await app.waitUntilIdle();
  expect((await app.runTick()).status).toBe(200);
  await app.waitUntilIdle();
  return { app, project, done, hasCrashed, items };
}

/** Reads the stored fields of an item that people would notice. */
async function readStoredFields(app: VirtualTimeApp, id: string): Promise<unknown> {
  const [found] = await app.store.read<ItemRecord>([observedKeys.item(id)]);
  const { state, status, name, priority, updatedAt } = found?.value.snapshot ?? {};
  return { state, word: status, name, priority, micros: updatedAt };
}

for (const step of PIPELINE_STEPS) {
  test(`reliability 2: a process that ends ${step} loses, invents and doubles nothing`, async () => {
    const randomSource = createLoggedRandom(step);
    let crashes = 0;
    for (let n = 0; n < RUNS; n += 1) {
      const seed = randomSource.below(2 ** 31);
      const { app, project, done, hasCrashed, items } = await runUntilCrash(seed, step);
      if (hasCrashed) crashes += 1;
      const wanted = done.map((item) => toItemKey(project, item));
      expect({ seed, ...findFaults(app.telegram, wanted) }).toEqual({ seed, ...NO_FAULTS });
      // One process ended, so at most one send was interrupted.
      expect(readCompletions(app.telegram, SIMULATED_CHAT).marked).toBeLessThanOrEqual(1);
      for (const item of items) {
        const real = app.plane.item(item);
        const own = { state: real?.state, priority: real?.priority, name: real?.name };
        expect(await readStoredFields(app, item.id), `seed ${seed}`).toMatchObject(own);
      }
      for (const queue of ["inbox", "observe", "outbox"] as const)
        expect(await app.store.listDeadJobs(queue)).toEqual([]);
    }
    // The test proves nothing unless most processes reached the step.
    expect(crashes).toBeGreaterThanOrEqual(RUNS / 2);
  }, 900_000);
}

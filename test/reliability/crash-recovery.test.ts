import { expect, test, vi } from "vitest";
import { observedKeys } from "../../shared/records/store-keys.ts";
import type { ItemRecord } from "../../shared/task/snapshot.ts";
import { type CrashPoint, createCrashingProcess } from "../support/crashing-process.ts";
import { findFaults, NO_FAULTS, readCompletions } from "./completions.ts";
import { createLoggedRandom, createRandomSource, pickSize } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, toItemKey } from "./simulators.ts";
import { NO_LIMITS } from "./test-manifest.ts";
import { createVirtualTimeApp } from "./virtual-time-app.ts";

vi.setConfig({ testTimeout: 900_000 });

/** The effects at which the process ends: each one in the full run, ten times. */
const STRIDE = pickSize(1, 20);
const ROUNDS = pickSize(10, 1);
/** Longer than any lease of a job that the crashed process held. */
const LONGEST_LEASE_MS = 320_000;

/** Edits six items and completes four of them; the process ends at an effect and another one continues. */
async function runUntilCrash(seed: number, point: CrashPoint) {
  const randomSource = createRandomSource(seed);
  const app = await createVirtualTimeApp({
    random: randomSource.random,
    outbox: { limits: NO_LIMITS, burstWindow: randomSource.pick([0, 20_000]) },
    config: { notifications: [{ events: ["completed"] }] },
    telegram: NO_TELEGRAM_LIMITS,
  });
  const { plane, time } = app;
  const project = app.addProject();
  const items = app.addItems(project, 6);
  await app.runFirstPoll();
  const done = randomSource.shuffle(items).slice(0, 4);
  const edits = [
    ...items.map((item) => () => plane.editItem(item, { priority: "high" })),
    ...done.map((item) => () => plane.editItem(item, { state: "In Progress" })),
  ];
  for (const edit of randomSource.shuffle(edits)) edit();
  for (const item of done) plane.editItem(item, { state: "Done" });
  const bodies = randomSource.shuffle(app.takeWebhookBodies());

  const effects = ["commit", "fetch", "acknowledge"];
  const process = createCrashingProcess(point, (name) => effects.includes(name));
  await app.start({ store: process.wrap, fetch: process.wrapFetch });
  const unanswered = new Set(bodies);
  for (const body of bodies) {
    const sent = app.sendWebhook(body).then((answer) => answer.ok && unanswered.delete(body));
    await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 15))]);
  }
  await time.advance(5_000);
  await app.start();
  for (const body of unanswered) await time.advanceUntilSettled(app.sendWebhook(body));
  await time.advance(LONGEST_LEASE_MS, 20_000);
  await app.waitUntilIdle();
  expect((await app.runTick()).status).toBe(200);
  await app.waitUntilIdle();
  return { app, wanted: done.map((item) => toItemKey(project, item)), hasCrashed: process.state.over, items };
}

test.each(["before", "after"] as const)("reliability 2: an end %s any effect changes no result", async (when) => {
  const { below } = createLoggedRandom(`crash ${when} an effect`);
  let crashes = 0;
  for (let round = 0; round < ROUNDS; round += 1)
    for (let [nth, hasCrashed] = [1 + below(STRIDE), true]; hasCrashed; nth += STRIDE) {
      const seed = below(2 ** 31);
      const run = await runUntilCrash(seed, { nth, when });
      const { app, wanted, items } = run;
      const at = { seed, nth };
      expect({ ...at, ...findFaults(app.telegram, wanted) }).toEqual({ ...at, ...NO_FAULTS });
      // One process ended, so at most one send was interrupted.
      expect(readCompletions(app.telegram, SIMULATED_CHAT).marked).toBeLessThanOrEqual(1);
      for (const item of items) {
        const { state, name, priority } = app.plane.item(item) ?? {};
        const [found] = await app.store.read<ItemRecord>([observedKeys.item(item.id)]);
        expect({ ...at, ...found?.value.snapshot }).toMatchObject({ ...at, state, name, priority });
      }
      for (const queue of ["inbox", "observe", "outbox"] as const)
        expect(await app.store.listDeadJobs(queue)).toEqual([]);
      hasCrashed = run.hasCrashed;
      if (hasCrashed) crashes += 1;
    }
  expect(crashes).toBeGreaterThan(2);
});

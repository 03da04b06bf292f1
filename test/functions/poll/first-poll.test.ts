import { expect, test } from "vitest";
import { pollTick } from "../../../functions/poll/poll-tick.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

/** A workspace that has not been observed yet, with a cycle and an item that depends on another. */
async function createUnseenWorkspace() {
  const app = await createTestApp();
  const { plane } = app;
  const project = app.addProject();
  plane.editProject(project, { name: project.name, cycle_view: true });
  const blocker = plane.addItem(project, { name: "First" });
  const waiting = plane.addItem(project, { name: "Second" });
  plane.relate(waiting, blocker);
  const cycle = plane.addCycle(project, { name: "Sprint 1", start_date: "2026-11-20", end_date: "2026-11-22" });
  app.dropWebhooks();
  app.advance(MINUTE);
  const readObserved = async () => ({
    blockers: (await app.readItem(waiting))?.blockers,
    cycles: (await app.store.read([observedKeys.cycle(cycle.id)])).filter((stored) => stored !== undefined).length,
    events: app.takeEvents(),
  });
  return { app, plane, expected: { blockers: [blocker.id], cycles: 1, events: [] }, readObserved };
}

test("a baseline reads all relations even if Plane does not report its version", async () => {
  const { app, plane, expected: whole, readObserved } = await createUnseenWorkspace();
  const undo = plane.faults.add({ path: "/api/instances/" }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow("Plane could not answer");
  undo();
  await app.poll();
  await app.runUntilIdle();
  expect(await readObserved()).toEqual(whole);
});

test("reliability 2: after a crash in any commit of the baseline, the next process reads everything and creates no events for existing items", async () => {
  let crashes = 0;
  for (let ended = true; ended; ) {
    const { app, expected: whole, readObserved } = await createUnseenWorkspace();
    ended = false;
    const nth = crashes;
    const { commit } = app.store;
    let remaining = nth;
    app.store.commit = (change) => {
      ended ||= remaining === 0;
      remaining -= 1;
      return ended ? Promise.reject(new Error("ended")) : commit(change);
    };
    await pollTick.run(app.deps).catch((thrown: unknown) => {
      if (!ended) throw thrown;
    });
    app.store.commit = commit;
    if (ended) crashes += 1;
    await app.restart();
    await app.poll();
    await app.runUntilIdle();
    expect({ nth, ...(await readObserved()) }).toEqual({ nth, ...whole });
    await app.plane.stop();
  }
  // At least: the projects, the items, a cycle and the end of the baseline.
  expect(crashes).toBeGreaterThan(3);
});

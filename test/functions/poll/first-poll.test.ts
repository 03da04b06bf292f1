import { expect, test } from "vitest";
import { pollTick } from "../../../functions/poll/poll-tick.ts";
import { observedKeys } from "../../../shared/observe/store-keys.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

/** A workspace that has not been observed yet, with a cycle and an item that depends on another. */
async function createUnseenWorkspace() {
  const crew = await createTestApp();
  const { plane } = crew;
  const project = crew.addProject();
  plane.editProject(project, { name: project.name, cycle_view: true });
  const blocker = plane.addItem(project, { name: "First" });
  const waiting = plane.addItem(project, { name: "Second" });
  plane.relate(waiting, blocker);
  const cycle = plane.addCycle(project, { name: "Sprint 1", start_date: "2026-11-20", end_date: "2026-11-22" });
  crew.dropWebhooks();
  crew.advance(MINUTE);
  const readObserved = async () => ({
    blockers: (await crew.readItem(waiting))?.blockers,
    cycles: (await crew.store.read([observedKeys.cycle(cycle.id)])).filter((kept) => kept !== undefined).length,
    events: crew.takeEvents(),
  });
  return { crew, plane, expected: { blockers: [blocker.id], cycles: 1, events: [] }, readObserved };
}

test("a baseline reads all relations even if Plane does not report its version", async () => {
  const { crew, plane, expected: whole, readObserved: seen } = await createUnseenWorkspace();
  const undo = plane.faults.add({ path: "/api/instances/" }, { kind: "status", status: 503 });
  await expect(crew.poll()).rejects.toThrow("Plane could not answer");
  undo();
  await crew.poll();
  await crew.runUntilIdle();
  expect(await seen()).toEqual(whole);
});

test("2: after a crash in any commit of the baseline, the next process reads everything and creates no events for existing items", async () => {
  for (let nth = 0, ended = true; ended; nth += 1) {
    const { crew, expected: whole, readObserved: seen } = await createUnseenWorkspace();
    ended = false;
    const { commit } = crew.store;
    let remaining = nth;
    crew.store.commit = (change) => {
      ended ||= remaining === 0;
      remaining -= 1;
      return ended ? Promise.reject(new Error("ended")) : commit(change);
    };
    await pollTick.run(crew.deps).catch(() => undefined);
    crew.store.commit = commit;
    await crew.restart();
    await crew.poll();
    await crew.runUntilIdle();
    expect({ nth, ...(await seen()) }).toEqual({ nth, ...whole });
    await crew.plane.stop();
  }
});

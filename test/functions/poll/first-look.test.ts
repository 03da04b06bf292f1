import { expect, test } from "vitest";
import { poll } from "../../../functions/poll/project-pass.ts";
import { keys } from "../../../shared/observe/keys.ts";
import { createCrew } from "../../crew.ts";

const MINUTE = 60_000;

/** A workspace nobody has looked at, with a cycle and an item that waits for another. */
async function unseen() {
  const crew = await createCrew();
  const { plane } = crew;
  const project = crew.project();
  plane.editProject(project, { name: project.name, ...{ cycle_view: true } });
  const blocker = plane.addItem(project, { name: "First" });
  const waiting = plane.addItem(project, { name: "Second" });
  plane.relate(waiting, blocker);
  const cycle = plane.addCycle(project, { name: "Sprint 1", start_date: "2026-11-20", end_date: "2026-11-22" });
  crew.lose();
  crew.pass(MINUTE);
  const seen = async () => ({
    blockers: (await crew.kept(waiting))?.blockers,
    cycles: (await crew.store.read([keys.cycle(cycle.id)])).filter((kept) => kept !== undefined).length,
    events: crew.events(),
  });
  return { crew, plane, whole: { blockers: [blocker.id], cycles: 1, events: [] }, seen };
}

test("a first look at which Plane does not tell its version leaves no relation out", async () => {
  const { crew, plane, whole, seen } = await unseen();
  const undo = plane.faults.add({ path: "/api/instances/" }, { kind: "status", status: 503 });
  await expect(crew.poll()).rejects.toThrow("Plane could not answer");
  undo();
  await crew.poll();
  await crew.settle();
  expect(await seen()).toEqual(whole);
});

test("2: a process that ends in any commit of the first look leaves nothing out, and the next tells nothing old", async () => {
  for (let nth = 0, ended = true; ended; nth += 1) {
    const { crew, whole, seen } = await unseen();
    ended = false;
    const { commit } = crew.store;
    let left = nth;
    crew.store.commit = (change) => {
      ended ||= left === 0;
      left -= 1;
      return ended ? Promise.reject(new Error("ended")) : commit(change);
    };
    await poll.run(crew.deps).catch(() => undefined);
    crew.store.commit = commit;
    await crew.restart();
    await crew.poll();
    await crew.settle();
    expect({ nth, ...(await seen()) }).toEqual({ nth, ...whole });
    await crew.plane.stop();
  }
});

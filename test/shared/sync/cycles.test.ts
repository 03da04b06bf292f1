import { expect, test } from "vitest";
import { cyclesTick } from "../../../functions/poll/poll-tick.ts";
import { diffCyclePhases, getCyclePhase } from "../../../shared/sync/cycles.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createObservedProject } from "./rules/observed-project.ts";

const START = "2026-11-22T00:00:00.000000Z";
const END = "2026-11-28T23:59:00.000000Z";

test("a cycle is current from its first moment to the one before its last, starts once and is completed once", () => {
  const dates = ["2026-11-21T23:59:59.999999Z", START, "2026-11-28T23:58:59.999999Z", END];
  const phases = dates.map((date) => getCyclePhase({ start: START, end: END }, date));
  expect(phases).toEqual(["upcoming", "current", "current", "completed"]);
  expect(diffCyclePhases("upcoming", "current")).toEqual([{ kind: "cycle_started" }]);
  expect(diffCyclePhases(undefined, "current")).toEqual([{ kind: "cycle_started" }]);
  expect(diffCyclePhases("current", "completed")).toEqual([{ kind: "cycle_completed" }]);
  expect(diffCyclePhases("upcoming", "completed")).toEqual([{ kind: "cycle_completed" }]);
  expect(diffCyclePhases("current", "current")).toEqual([]);
  expect(diffCyclePhases(undefined, "completed")).toEqual([]);
});

test("a slow poll that began before a cycle's start does not repeat the start event of another read", async () => {
  const { app, plane, project } = await createObservedProject();
  plane.editProject(project, { name: project.name, cycle_view: true });
  await app.pollCycles();
  plane.addCycle(project, { name: "Sprint", start_date: "2026-11-21T09:00:00Z", end_date: "2026-11-30" });
  await app.pollCycles();
  app.advance(Date.parse("2026-11-21T08:59:58Z") - app.time.now);
  plane.faults.beforeRequest(async ({ path }) => {
    if (!path.includes("work-items/?")) return;
    plane.faults.beforeRequest(undefined);
    app.advance(5_000);
    await cyclesTick.run(app.deps);
  });
  await app.poll();
  app.advance(5 * MINUTE);
  await app.poll();
  expect(app.takeEvents()).toEqual(["Sprint cycle_started"]);
  // It ends with the first poll after its last moment, before its list is read again.
  app.advance(Date.parse("2026-12-01T00:00:01Z") - app.time.now);
  await app.poll();
  expect(app.takeEvents()).toEqual(["Sprint cycle_completed"]);
});

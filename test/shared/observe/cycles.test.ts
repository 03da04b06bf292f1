import { expect, test } from "vitest";
import { cycles } from "../../../functions/poll/cycles.ts";
import { cycleEvents, phaseOf } from "../../../shared/observe/cycles.ts";
import { known, MINUTE } from "./rules/known.ts";

const START = "2026-11-22T00:00:00.000000Z";
const END = "2026-11-28T23:59:00.000000Z";

test.each([
  ["2026-11-21T23:59:59.999999Z", "upcoming"],
  [START, "current"],
  ["2026-11-28T23:58:59.999999Z", "current"],
  [END, "completed"],
])("at %s a cycle of that week is %s", (date, phase) => {
  expect(phaseOf({ start: START, end: END }, date)).toBe(phase);
});

test("a cycle without dates is a draft", () => {
  expect(phaseOf({ start: null, end: null }, START)).toBe("draft");
});

test("a cycle starts once and is completed once; a new one that is over already says nothing", () => {
  expect(cycleEvents("upcoming", "current")).toEqual([{ kind: "cycle_started" }]);
  expect(cycleEvents(undefined, "current")).toEqual([{ kind: "cycle_started" }]);
  expect(cycleEvents("current", "completed")).toEqual([{ kind: "cycle_completed" }]);
  expect(cycleEvents("upcoming", "completed")).toEqual([{ kind: "cycle_completed" }]);
  expect(cycleEvents("current", "current")).toEqual([]);
  expect(cycleEvents(undefined, "completed")).toEqual([]);
  expect(cycleEvents(undefined, "upcoming")).toEqual([]);
  expect(cycleEvents("current", "draft")).toEqual([]);
});

test("a cycle that another reading saw start is not told again by a slow poll that began before its start", async () => {
  const { crew, plane, project } = await known();
  plane.editProject(project, { name: project.name, ...{ cycle_view: true } });
  await crew.cycles();
  plane.addCycle(project, { name: "Sprint", start_date: "2026-11-21T09:00:00Z", end_date: "2026-11-30" });
  await crew.cycles();
  crew.pass(Date.parse("2026-11-21T08:59:58Z") - crew.time.now);
  plane.faults.beforeRequest(async ({ path }) => {
    if (!path.includes("work-items/?")) return;
    plane.faults.beforeRequest(undefined);
    crew.pass(5_000);
    await cycles.run(crew.deps);
  });
  await crew.poll();
  crew.pass(5 * MINUTE);
  await crew.poll();
  expect(crew.events()).toEqual(["Sprint cycle_started"]);
});

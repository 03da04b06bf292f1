import { expect, test } from "vitest";
import { cycleEvents, phaseOf } from "../../../shared/observe/cycles.ts";

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

import { expect, test } from "vitest";
import { mergeObservation } from "../../../shared/task/merge-observation.ts";
import type { ItemRecord } from "../../../shared/task/snapshot.ts";
import { createItemRecord, toTimestamp } from "./sample-items.ts";
import { assignedToAda, createAbsenceObservation, REV } from "./sample-observations.ts";

test("an absence of an unknown or removed item changes nothing", () => {
  expect(mergeObservation(undefined, 0, createAbsenceObservation())).toEqual({});
  expect(mergeObservation(createItemRecord({}, { removedAt: 5 }), REV, createAbsenceObservation())).toEqual({});
});
test("an absence that was overtaken is repeated", () => {
  expect(mergeObservation(createItemRecord(), REV, createAbsenceObservation(1_000, REV - 1))).toEqual({ rereadIn: 0 });
});
test("an absence makes the removal pending and is repeated in 2 s", () => {
  const before = createItemRecord(assignedToAda, { pendingLosses: { assignees: 900 } });
  const next = createItemRecord(assignedToAda, { pendingLosses: { assignees: 900, removal: 1_010 } });
  expect(mergeObservation(before, REV, createAbsenceObservation())).toEqual({ next, rereadIn: 2_000 });
});
test("an absence seen again too early waits for the rest of the 2 s", () => {
  expect(
    mergeObservation(createItemRecord({}, { pendingLosses: { removal: 1_010 } }), REV, createAbsenceObservation(2_000)),
  ).toEqual({ rereadIn: 1_010 });
});
test("an absence seen again after 2 s leaves a tombstone without blockers and pending losses", () => {
  const before: ItemRecord = createItemRecord(assignedToAda, {
    blockers: ["b"],
    detailsAt: toTimestamp(0),
    pendingLosses: { removal: 1_010, assignees: 5 },
  });
  expect(mergeObservation(before, REV, createAbsenceObservation(3_010))).toEqual({
    next: createItemRecord(assignedToAda, { detailsAt: toTimestamp(0), removedAt: 3_020 }),
  });
});

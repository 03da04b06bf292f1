import { expect, test } from "vitest";
import { mergeObservation } from "../../../shared/task/merge-observation.ts";
import { createItemRecord, toTimestamp } from "./sample-items.ts";
import { assignedToAda, createReadObservation, REV } from "./sample-observations.ts";

test("a read of an unknown item is stored", () => {
  expect(mergeObservation(undefined, 0, createReadObservation(assignedToAda, 1_000, 0))).toEqual({
    next: createItemRecord(assignedToAda),
  });
});
test("a read replaces the stored snapshot whatever the times, when nothing was stored since it began", () => {
  const verdict = mergeObservation(
    createItemRecord({ updatedAt: toTimestamp(9), name: "Newer?" }),
    REV,
    createReadObservation({ updatedAt: toTimestamp(1) }),
  );
  expect(verdict).toEqual({ next: createItemRecord({ updatedAt: toTimestamp(1) }) });
});
test("a read that equals the stored snapshot changes nothing", () => {
  expect(mergeObservation(createItemRecord(assignedToAda), REV, createReadObservation(assignedToAda))).toEqual({});
});
test("a read that was overtaken is repeated", () => {
  expect(
    mergeObservation(createItemRecord(), REV, createReadObservation({ updatedAt: toTimestamp(9) }, 1_000, REV - 1)),
  ).toEqual({ rereadIn: 0 });
});
test("a read that was overtaken but equals the stored snapshot is sufficient", () => {
  expect(
    mergeObservation(createItemRecord(assignedToAda), REV, createReadObservation(assignedToAda, 1_000, REV - 1)),
  ).toEqual({});
});
test("a read that a removal overtook is repeated", () => {
  expect(
    mergeObservation(createItemRecord({}, { removedAt: 5 }), REV, createReadObservation({}, 1_000, REV - 1)),
  ).toEqual({
    rereadIn: 0,
  });
});
test("a read restores a removed item with its other stored data", () => {
  const verdict = mergeObservation(
    createItemRecord({}, { removedAt: 5, detailsAt: toTimestamp(0) }),
    REV,
    createReadObservation(assignedToAda),
  );
  expect(verdict).toEqual({ next: createItemRecord(assignedToAda, { detailsAt: toTimestamp(0) }) });
});
test.each(["assignees", "labels"] as const)(
  "a read that sees the %s lost makes the loss pending and is repeated in 2 s",
  (field) => {
    const verdict = mergeObservation(
      createItemRecord({ [field]: ["x"] }),
      REV,
      createReadObservation({ updatedAt: toTimestamp(1) }),
    );
    const next = createItemRecord({ [field]: ["x"], updatedAt: toTimestamp(1) }, { pendingLosses: { [field]: 1_010 } });
    expect(verdict).toEqual({ next, rereadIn: 2_000 });
  },
);
test.each(["assignees", "labels"] as const)("a read that removed the %s itself counts at once", (field) => {
  const seen = { ...createReadObservation({ updatedAt: toTimestamp(1) }), emptied: [field] };
  expect(mergeObservation(createItemRecord({ [field]: ["x"] }), REV, seen)).toEqual({
    next: createItemRecord({ updatedAt: toTimestamp(1) }),
  });
});
test("a read that sees the loss again too early waits for the rest of the 2 s", () => {
  const before = createItemRecord(assignedToAda, { pendingLosses: { assignees: 1_010 } });
  expect(mergeObservation(before, REV, createReadObservation({}, 1_500))).toEqual({ rereadIn: 1_510 });
});
test("a read that sees the loss again 2 s after the end of the first read confirms it", () => {
  const before = createItemRecord(assignedToAda, { pendingLosses: { assignees: 1_010 } });
  expect(mergeObservation(before, REV, createReadObservation({}, 3_010))).toEqual({ next: createItemRecord() });
});
test("a read that sees assignees again ends the pending loss", () => {
  const before = createItemRecord(assignedToAda, { pendingLosses: { assignees: 1_010, removal: 1_010 } });
  expect(mergeObservation(before, REV, createReadObservation(assignedToAda, 3_010))).toEqual({
    next: createItemRecord(assignedToAda),
  });
});
test("a read confirms one loss while another becomes pending", () => {
  const before = createItemRecord({ ...assignedToAda, labels: ["x"] }, { pendingLosses: { assignees: 1_010 } });
  const verdict = mergeObservation(before, REV, createReadObservation({}, 3_010));
  expect(verdict).toEqual({
    next: createItemRecord({ labels: ["x"] }, { pendingLosses: { labels: 3_020 } }),
    rereadIn: 2_000,
  });
});
test("a read removes one of several assignees at once, because a list that is not empty is complete", () => {
  const verdict = mergeObservation(
    createItemRecord({ assignees: ["ada", "thot"] }),
    REV,
    createReadObservation(assignedToAda),
  );
  expect(verdict).toEqual({ next: createItemRecord(assignedToAda) });
});

test("one read without labels does not unblock an item that a label blocks; a second one does", () => {
  const before = createItemRecord({ labels: ["blocked"], status: "blocked" });
  const first = mergeObservation(before, REV, createReadObservation({ status: "todo" }));
  expect(first.next?.snapshot).toMatchObject({ labels: ["blocked"], status: "blocked" });
  const second = mergeObservation(first.next, REV, createReadObservation({ status: "todo" }, 3_010));
  expect(second.next?.snapshot).toMatchObject({ labels: [], status: "todo" });
});

import { expect, test } from "vitest";
import { mergeObservation } from "../../../shared/task/merge-observation.ts";
import { createItemRecord, createSnapshot, toTimestamp } from "./sample-items.ts";
import { assignedToAda, createWebhookObservation, REV } from "./sample-observations.ts";

test("a webhook of an unknown item is stored", () => {
  expect(mergeObservation(undefined, 0, createWebhookObservation(assignedToAda))).toEqual({
    next: createItemRecord(assignedToAda),
  });
});
test("a webhook of an item that the last complete pass did not find requests a read", () => {
  expect(
    mergeObservation(undefined, 0, createWebhookObservation({ updatedAt: toTimestamp(4) }, toTimestamp(4))),
  ).toEqual({ rereadIn: 0 });
});
test("a webhook that is strictly newer replaces the stored snapshot and changes nothing else", () => {
  const before = createItemRecord({}, { blockers: ["b"], detailsAt: toTimestamp(0), startedAt: toTimestamp(0) });
  const verdict = mergeObservation(before, REV, createWebhookObservation({ updatedAt: toTimestamp(1), name: "New" }));
  expect(verdict).toEqual({
    next: { ...before, snapshot: createSnapshot({ updatedAt: toTimestamp(1), name: "New" }) },
  });
});
test("a webhook that equals the stored snapshot changes nothing", () => {
  expect(mergeObservation(createItemRecord(), REV, createWebhookObservation({}))).toEqual({});
});
test.each([0, 1])("a webhook with an older or equal time and different content requests a read (%i s)", (second) => {
  const verdict = mergeObservation(
    createItemRecord({ updatedAt: toTimestamp(1) }),
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(second), name: "Old" }),
  );
  expect(verdict).toEqual({ rereadIn: 0 });
});
test("a webhook of a removed item only requests a read", () => {
  expect(
    mergeObservation(
      createItemRecord({}, { removedAt: 5 }),
      REV,
      createWebhookObservation({ updatedAt: toTimestamp(9) }),
    ),
  ).toEqual({ rereadIn: 0 });
});
test.each(["assignees", "labels"] as const)("a webhook never removes the last %s by itself", (field) => {
  const verdict = mergeObservation(
    createItemRecord({ [field]: ["x"] }),
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(1), name: "New" }),
  );
  expect(verdict).toEqual({
    next: createItemRecord({ updatedAt: toTimestamp(1), name: "New", [field]: ["x"] }),
    rereadIn: 0,
  });
});
test("a webhook without labels does not unblock an item that a label blocks", () => {
  const verdict = mergeObservation(
    createItemRecord({ labels: ["blocked"], status: "blocked" }),
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(1), status: "todo" }),
  );
  expect(verdict.next?.snapshot).toMatchObject({ labels: ["blocked"], status: "blocked" });
});
test("a webhook with assignees ends the pending loss of assignees, but not the pending removal", () => {
  const before = createItemRecord(assignedToAda, { pendingLosses: { assignees: 5, removal: 7 } });
  const verdict = mergeObservation(
    before,
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(1), assignees: ["thot"] }),
  );
  expect(verdict.next?.pendingLosses).toEqual({ removal: 7 });
});
test("a webhook with labels ends the pending loss of labels", () => {
  const verdict = mergeObservation(
    createItemRecord({ labels: ["x"] }, { pendingLosses: { labels: 5 } }),
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(1), labels: ["y"] }),
  );
  expect(verdict.next).toEqual(createItemRecord({ updatedAt: toTimestamp(1), labels: ["y"] }));
});
test("a webhook without assignees keeps the pending loss", () => {
  const verdict = mergeObservation(
    createItemRecord(assignedToAda, { pendingLosses: { assignees: 5 } }),
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(1) }),
  );
  expect(verdict).toEqual({
    next: createItemRecord({ ...assignedToAda, updatedAt: toTimestamp(1) }, { pendingLosses: { assignees: 5 } }),
    rereadIn: 0,
  });
});

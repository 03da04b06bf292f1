import { expect, test } from "vitest";
import { isSameSnapshot, mergeObservation, type Observation } from "../../../shared/task/merge-observation.ts";
import type { KeptItem, Snapshot } from "../../../shared/task/snapshot.ts";
import { createKeptItem, createSnapshot, toTimestamp } from "./sample-items.ts";

const REV = 70;
const createWebhookObservation = (change: Partial<Snapshot>, covered = ""): Observation => ({
  via: "webhook",
  snapshot: createSnapshot(change),
  covered,
});
/** A read that took 10 ms. */
const createReadObservation = (change: Partial<Snapshot>, when = 1_000, since = REV): Observation => ({
  via: "read",
  snapshot: createSnapshot(change),
  since,
  began: when,
  ended: when + 10,
});
const createAbsenceObservation = (when = 1_000, since = REV): Observation => ({
  via: "absence",
  since,
  began: when,
  ended: when + 10,
});
const assignedToAda = { assignees: ["ada"] };

test("a webhook of an unknown item is stored", () => {
  expect(mergeObservation(undefined, 0, createWebhookObservation(assignedToAda))).toEqual({
    next: createKeptItem(assignedToAda),
  });
});
test("a webhook of an item that the last complete pass did not find requests a read", () => {
  expect(
    mergeObservation(undefined, 0, createWebhookObservation({ updatedAt: toTimestamp(4) }, toTimestamp(4))),
  ).toEqual({ rereadIn: 0 });
});
test("a webhook that is strictly newer replaces the stored snapshot and changes nothing else", () => {
  const before = createKeptItem({}, { blockers: ["b"], detailsAt: toTimestamp(0), startedAt: toTimestamp(0) });
  const verdict = mergeObservation(before, REV, createWebhookObservation({ updatedAt: toTimestamp(1), name: "New" }));
  expect(verdict).toEqual({
    next: { ...before, snapshot: createSnapshot({ updatedAt: toTimestamp(1), name: "New" }) },
  });
});
test("a webhook that equals the stored snapshot changes nothing", () => {
  expect(mergeObservation(createKeptItem(), REV, createWebhookObservation({}))).toEqual({});
});
test.each([0, 1])("a webhook with an older or equal time and different content requests a read (%i s)", (second) => {
  const verdict = mergeObservation(
    createKeptItem({ updatedAt: toTimestamp(1) }),
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(second), name: "Old" }),
  );
  expect(verdict).toEqual({ rereadIn: 0 });
});
test("a webhook of a removed item only requests a read", () => {
  expect(
    mergeObservation(createKeptItem({}, { gone: 5 }), REV, createWebhookObservation({ updatedAt: toTimestamp(9) })),
  ).toEqual({ rereadIn: 0 });
});
test.each(["assignees", "labels"] as const)("a webhook never removes the last %s by itself", (field) => {
  const verdict = mergeObservation(
    createKeptItem({ [field]: ["x"] }),
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(1), name: "New" }),
  );
  expect(verdict).toEqual({
    next: createKeptItem({ updatedAt: toTimestamp(1), name: "New", [field]: ["x"] }),
    rereadIn: 0,
  });
});
test("a webhook without labels does not unblock an item that a label blocks", () => {
  const verdict = mergeObservation(
    createKeptItem({ labels: ["blocked"], word: "blocked" }),
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(1), word: "todo" }),
  );
  expect(verdict.next?.snapshot).toMatchObject({ labels: ["blocked"], word: "blocked" });
});
test("a webhook with assignees ends the pending loss of assignees, but not the pending removal", () => {
  const before = createKeptItem(assignedToAda, { doubt: { assignees: 5, gone: 7 } });
  const verdict = mergeObservation(
    before,
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(1), assignees: ["thot"] }),
  );
  expect(verdict.next?.doubt).toEqual({ gone: 7 });
});
test("a webhook with labels ends the pending loss of labels", () => {
  const verdict = mergeObservation(
    createKeptItem({ labels: ["x"] }, { doubt: { labels: 5 } }),
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(1), labels: ["y"] }),
  );
  expect(verdict.next).toEqual(createKeptItem({ updatedAt: toTimestamp(1), labels: ["y"] }));
});
test("a webhook without assignees keeps the pending loss", () => {
  const verdict = mergeObservation(
    createKeptItem(assignedToAda, { doubt: { assignees: 5 } }),
    REV,
    createWebhookObservation({ updatedAt: toTimestamp(1) }),
  );
  expect(verdict).toEqual({
    next: createKeptItem({ ...assignedToAda, updatedAt: toTimestamp(1) }, { doubt: { assignees: 5 } }),
    rereadIn: 0,
  });
});

test("a read of an unknown item is stored", () => {
  expect(mergeObservation(undefined, 0, createReadObservation(assignedToAda, 1_000, 0))).toEqual({
    next: createKeptItem(assignedToAda),
  });
});
test("a read replaces the stored snapshot whatever the times, when nothing was stored since it began", () => {
  const verdict = mergeObservation(
    createKeptItem({ updatedAt: toTimestamp(9), name: "Newer?" }),
    REV,
    createReadObservation({ updatedAt: toTimestamp(1) }),
  );
  expect(verdict).toEqual({ next: createKeptItem({ updatedAt: toTimestamp(1) }) });
});
test("a read that equals the stored snapshot changes nothing", () => {
  expect(mergeObservation(createKeptItem(assignedToAda), REV, createReadObservation(assignedToAda))).toEqual({});
});
test("a read that was overtaken is repeated", () => {
  expect(
    mergeObservation(createKeptItem(), REV, createReadObservation({ updatedAt: toTimestamp(9) }, 1_000, REV - 1)),
  ).toEqual({ rereadIn: 0 });
});
test("a read that was overtaken but equals the stored snapshot is sufficient", () => {
  expect(
    mergeObservation(createKeptItem(assignedToAda), REV, createReadObservation(assignedToAda, 1_000, REV - 1)),
  ).toEqual({});
});
test("a read that a removal overtook is repeated", () => {
  expect(mergeObservation(createKeptItem({}, { gone: 5 }), REV, createReadObservation({}, 1_000, REV - 1))).toEqual({
    rereadIn: 0,
  });
});
test("a read restores a removed item with its other stored data", () => {
  const verdict = mergeObservation(
    createKeptItem({}, { gone: 5, detailsAt: toTimestamp(0) }),
    REV,
    createReadObservation(assignedToAda),
  );
  expect(verdict).toEqual({ next: createKeptItem(assignedToAda, { detailsAt: toTimestamp(0) }) });
});
test.each(["assignees", "labels"] as const)(
  "a read that sees the %s lost makes the loss pending and is repeated in 2 s",
  (field) => {
    const verdict = mergeObservation(
      createKeptItem({ [field]: ["x"] }),
      REV,
      createReadObservation({ updatedAt: toTimestamp(1) }),
    );
    const next = createKeptItem({ [field]: ["x"], updatedAt: toTimestamp(1) }, { doubt: { [field]: 1_010 } });
    expect(verdict).toEqual({ next, rereadIn: 2_000 });
  },
);
test.each(["assignees", "labels"] as const)("a read that removed the %s itself counts at once", (field) => {
  const seen = { ...createReadObservation({ updatedAt: toTimestamp(1) }), emptied: [field] };
  expect(mergeObservation(createKeptItem({ [field]: ["x"] }), REV, seen)).toEqual({
    next: createKeptItem({ updatedAt: toTimestamp(1) }),
  });
});
test("a read that sees the loss again too early waits for the rest of the 2 s", () => {
  const before = createKeptItem(assignedToAda, { doubt: { assignees: 1_010 } });
  expect(mergeObservation(before, REV, createReadObservation({}, 1_500))).toEqual({ rereadIn: 1_510 });
});
test("a read that sees the loss again 2 s after the end of the first read confirms it", () => {
  const before = createKeptItem(assignedToAda, { doubt: { assignees: 1_010 } });
  expect(mergeObservation(before, REV, createReadObservation({}, 3_010))).toEqual({ next: createKeptItem() });
});
test("a read that sees assignees again ends the pending loss", () => {
  const before = createKeptItem(assignedToAda, { doubt: { assignees: 1_010, gone: 1_010 } });
  expect(mergeObservation(before, REV, createReadObservation(assignedToAda, 3_010))).toEqual({
    next: createKeptItem(assignedToAda),
  });
});
test("a read confirms one loss while another becomes pending", () => {
  const before = createKeptItem({ ...assignedToAda, labels: ["x"] }, { doubt: { assignees: 1_010 } });
  const verdict = mergeObservation(before, REV, createReadObservation({}, 3_010));
  expect(verdict).toEqual({ next: createKeptItem({ labels: ["x"] }, { doubt: { labels: 3_020 } }), rereadIn: 2_000 });
});
test("a read removes one of several assignees at once, because a list that is not empty is complete", () => {
  const verdict = mergeObservation(
    createKeptItem({ assignees: ["ada", "thot"] }),
    REV,
    createReadObservation(assignedToAda),
  );
  expect(verdict).toEqual({ next: createKeptItem(assignedToAda) });
});

test("an absence of an unknown or removed item changes nothing", () => {
  expect(mergeObservation(undefined, 0, createAbsenceObservation())).toEqual({});
  expect(mergeObservation(createKeptItem({}, { gone: 5 }), REV, createAbsenceObservation())).toEqual({});
});
test("an absence that was overtaken is repeated", () => {
  expect(mergeObservation(createKeptItem(), REV, createAbsenceObservation(1_000, REV - 1))).toEqual({ rereadIn: 0 });
});
test("an absence makes the removal pending and is repeated in 2 s", () => {
  const before = createKeptItem(assignedToAda, { doubt: { assignees: 900 } });
  const next = createKeptItem(assignedToAda, { doubt: { assignees: 900, gone: 1_010 } });
  expect(mergeObservation(before, REV, createAbsenceObservation())).toEqual({ next, rereadIn: 2_000 });
});
test("an absence seen again too early waits for the rest of the 2 s", () => {
  expect(
    mergeObservation(createKeptItem({}, { doubt: { gone: 1_010 } }), REV, createAbsenceObservation(2_000)),
  ).toEqual({ rereadIn: 1_010 });
});
test("an absence seen again after 2 s leaves a tombstone without blockers and pending losses", () => {
  const before: KeptItem = createKeptItem(assignedToAda, {
    blockers: ["b"],
    detailsAt: toTimestamp(0),
    doubt: { gone: 1_010, assignees: 5 },
  });
  expect(mergeObservation(before, REV, createAbsenceObservation(3_010))).toEqual({
    next: createKeptItem(assignedToAda, { detailsAt: toTimestamp(0), gone: 3_020 }),
  });
});

test("two snapshots are equal when everything but the item's identity is equal", () => {
  expect(isSameSnapshot(createSnapshot(), createSnapshot())).toBe(true);
  expect(isSameSnapshot(createSnapshot(), createSnapshot({ createdAt: toTimestamp(9), createdBy: "thot" }))).toBe(true);
  const changes: Partial<Snapshot>[] = [
    { updatedAt: toTimestamp(1) },
    { state: "s" },
    { word: "done" },
    { name: "n" },
    { priority: "low" },
    { assignees: ["a"] },
    { labels: ["l"] },
    { due: "2026-12-24" },
    { start: "2026-12-24" },
    { parent: "p" },
    { description: "d" },
    { completedAt: toTimestamp(1) },
    { sequence: 13 },
    { project: "p" },
  ];
  for (const change of changes)
    expect(isSameSnapshot(createSnapshot(), createSnapshot(change)), JSON.stringify(change)).toBe(false);
});

test("one read without labels does not unblock an item that a label blocks; a second one does", () => {
  const before = createKeptItem({ labels: ["blocked"], word: "blocked" });
  const first = mergeObservation(before, REV, createReadObservation({ word: "todo" }));
  expect(first.next?.snapshot).toMatchObject({ labels: ["blocked"], word: "blocked" });
  const second = mergeObservation(first.next, REV, createReadObservation({ word: "todo" }, 3_010));
  expect(second.next?.snapshot).toMatchObject({ labels: [], word: "todo" });
});

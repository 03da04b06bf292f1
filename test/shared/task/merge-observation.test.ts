import { describe, expect, test } from "vitest";
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

describe("a webhook", () => {
  test("of an item nobody has seen is taken", () => {
    expect(mergeObservation(undefined, 0, createWebhookObservation(assignedToAda))).toEqual({
      next: createKeptItem(assignedToAda),
    });
  });
  test("of an item the last complete pass did not find is a reason to read", () => {
    expect(
      mergeObservation(undefined, 0, createWebhookObservation({ updatedAt: toTimestamp(4) }, toTimestamp(4))),
    ).toEqual({ rereadIn: 0 });
  });
  test("that is strictly newer replaces what is kept and moves nothing else", () => {
    const before = createKeptItem({}, { blockers: ["b"], detailsAt: toTimestamp(0), startedAt: toTimestamp(0) });
    const verdict = mergeObservation(before, REV, createWebhookObservation({ updatedAt: toTimestamp(1), name: "New" }));
    expect(verdict).toEqual({
      next: { ...before, snapshot: createSnapshot({ updatedAt: toTimestamp(1), name: "New" }) },
    });
  });
  test("that says what is kept changes nothing", () => {
    expect(mergeObservation(createKeptItem(), REV, createWebhookObservation({}))).toEqual({});
  });
  test.each([0, 1])("with an older or equal time and another content is a reason to read (%i s)", (second) => {
    const verdict = mergeObservation(
      createKeptItem({ updatedAt: toTimestamp(1) }),
      REV,
      createWebhookObservation({ updatedAt: toTimestamp(second), name: "Old" }),
    );
    expect(verdict).toEqual({ rereadIn: 0 });
  });
  test("of a removed item is only a reason to read", () => {
    expect(
      mergeObservation(createKeptItem({}, { gone: 5 }), REV, createWebhookObservation({ updatedAt: toTimestamp(9) })),
    ).toEqual({ rereadIn: 0 });
  });
  test.each(["assignees", "labels"] as const)("never takes the last %s away by itself", (field) => {
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
  test("that sees no labels does not unblock what a label blocks", () => {
    const verdict = mergeObservation(
      createKeptItem({ labels: ["blocked"], word: "blocked" }),
      REV,
      createWebhookObservation({ updatedAt: toTimestamp(1), word: "todo" }),
    );
    expect(verdict.next?.snapshot).toMatchObject({ labels: ["blocked"], word: "blocked" });
  });
  test("that shows somebody ends the doubt about the assignees, not the one about the item", () => {
    const before = createKeptItem(assignedToAda, { doubt: { assignees: 5, gone: 7 } });
    const verdict = mergeObservation(
      before,
      REV,
      createWebhookObservation({ updatedAt: toTimestamp(1), assignees: ["thot"] }),
    );
    expect(verdict.next?.doubt).toEqual({ gone: 7 });
  });
  test("that shows labels ends the doubt about them", () => {
    const verdict = mergeObservation(
      createKeptItem({ labels: ["x"] }, { doubt: { labels: 5 } }),
      REV,
      createWebhookObservation({ updatedAt: toTimestamp(1), labels: ["y"] }),
    );
    expect(verdict.next).toEqual(createKeptItem({ updatedAt: toTimestamp(1), labels: ["y"] }));
  });
  test("that shows nobody keeps the doubt", () => {
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
});

describe("a read", () => {
  test("of an item nobody has seen is taken", () => {
    expect(mergeObservation(undefined, 0, createReadObservation(assignedToAda, 1_000, 0))).toEqual({
      next: createKeptItem(assignedToAda),
    });
  });
  test("replaces what is kept whatever the times say, when nothing was kept since it began", () => {
    const verdict = mergeObservation(
      createKeptItem({ updatedAt: toTimestamp(9), name: "Newer?" }),
      REV,
      createReadObservation({ updatedAt: toTimestamp(1) }),
    );
    expect(verdict).toEqual({ next: createKeptItem({ updatedAt: toTimestamp(1) }) });
  });
  test("that says what is kept changes nothing", () => {
    expect(mergeObservation(createKeptItem(assignedToAda), REV, createReadObservation(assignedToAda))).toEqual({});
  });
  test("that something else overtook is read again", () => {
    expect(
      mergeObservation(createKeptItem(), REV, createReadObservation({ updatedAt: toTimestamp(9) }, 1_000, REV - 1)),
    ).toEqual({ rereadIn: 0 });
  });
  test("that something else overtook and that says the same is good", () => {
    expect(
      mergeObservation(createKeptItem(assignedToAda), REV, createReadObservation(assignedToAda, 1_000, REV - 1)),
    ).toEqual({});
  });
  test("that a removal overtook is read again", () => {
    expect(mergeObservation(createKeptItem({}, { gone: 5 }), REV, createReadObservation({}, 1_000, REV - 1))).toEqual({
      rereadIn: 0,
    });
  });
  test("brings a removed item back, with what the bridge knows of it", () => {
    const verdict = mergeObservation(
      createKeptItem({}, { gone: 5, detailsAt: toTimestamp(0) }),
      REV,
      createReadObservation(assignedToAda),
    );
    expect(verdict).toEqual({ next: createKeptItem(assignedToAda, { detailsAt: toTimestamp(0) }) });
  });
  test.each(["assignees", "labels"] as const)("that sees no %s any more is doubted and repeated in 2 s", (field) => {
    const verdict = mergeObservation(
      createKeptItem({ [field]: ["x"] }),
      REV,
      createReadObservation({ updatedAt: toTimestamp(1) }),
    );
    const next = createKeptItem({ [field]: ["x"], updatedAt: toTimestamp(1) }, { doubt: { [field]: 1_010 } });
    expect(verdict).toEqual({ next, rereadIn: 2_000 });
  });
  test.each(["assignees", "labels"] as const)("that took the %s away itself is believed at once", (field) => {
    const seen = { ...createReadObservation({ updatedAt: toTimestamp(1) }), emptied: [field] };
    expect(mergeObservation(createKeptItem({ [field]: ["x"] }), REV, seen)).toEqual({
      next: createKeptItem({ updatedAt: toTimestamp(1) }),
    });
  });
  test("that sees it again too early waits for the rest of the 2 s", () => {
    const before = createKeptItem(assignedToAda, { doubt: { assignees: 1_010 } });
    expect(mergeObservation(before, REV, createReadObservation({}, 1_500))).toEqual({ rereadIn: 1_510 });
  });
  test("that sees it again 2 s after the end of the first confirms it", () => {
    const before = createKeptItem(assignedToAda, { doubt: { assignees: 1_010 } });
    expect(mergeObservation(before, REV, createReadObservation({}, 3_010))).toEqual({ next: createKeptItem() });
  });
  test("that sees somebody again ends the doubt", () => {
    const before = createKeptItem(assignedToAda, { doubt: { assignees: 1_010, gone: 1_010 } });
    expect(mergeObservation(before, REV, createReadObservation(assignedToAda, 3_010))).toEqual({
      next: createKeptItem(assignedToAda),
    });
  });
  test("confirms one loss while it begins to doubt another", () => {
    const before = createKeptItem({ ...assignedToAda, labels: ["x"] }, { doubt: { assignees: 1_010 } });
    const verdict = mergeObservation(before, REV, createReadObservation({}, 3_010));
    expect(verdict).toEqual({ next: createKeptItem({ labels: ["x"] }, { doubt: { labels: 3_020 } }), rereadIn: 2_000 });
  });
  test("takes one of several away at once: a list with someone in it is whole", () => {
    const verdict = mergeObservation(
      createKeptItem({ assignees: ["ada", "thot"] }),
      REV,
      createReadObservation(assignedToAda),
    );
    expect(verdict).toEqual({ next: createKeptItem(assignedToAda) });
  });
});

describe("an absence", () => {
  test("of an unknown or removed item is nothing", () => {
    expect(mergeObservation(undefined, 0, createAbsenceObservation())).toEqual({});
    expect(mergeObservation(createKeptItem({}, { gone: 5 }), REV, createAbsenceObservation())).toEqual({});
  });
  test("that something else overtook is read again", () => {
    expect(mergeObservation(createKeptItem(), REV, createAbsenceObservation(1_000, REV - 1))).toEqual({ rereadIn: 0 });
  });
  test("is doubted and repeated in 2 s", () => {
    const before = createKeptItem(assignedToAda, { doubt: { assignees: 900 } });
    const next = createKeptItem(assignedToAda, { doubt: { assignees: 900, gone: 1_010 } });
    expect(mergeObservation(before, REV, createAbsenceObservation())).toEqual({ next, rereadIn: 2_000 });
  });
  test("seen again too early waits for the rest of the 2 s", () => {
    expect(
      mergeObservation(createKeptItem({}, { doubt: { gone: 1_010 } }), REV, createAbsenceObservation(2_000)),
    ).toEqual({ rereadIn: 1_010 });
  });
  test("seen again after 2 s leaves a tombstone without blockers and doubts", () => {
    const before: KeptItem = createKeptItem(assignedToAda, {
      blockers: ["b"],
      detailsAt: toTimestamp(0),
      doubt: { gone: 1_010, assignees: 5 },
    });
    expect(mergeObservation(before, REV, createAbsenceObservation(3_010))).toEqual({
      next: createKeptItem(assignedToAda, { detailsAt: toTimestamp(0), gone: 3_020 }),
    });
  });
});

test("two snapshots are the same when everything but the item's identity is", () => {
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

test("one read that sees no labels does not unblock what a label blocks; a second one does", () => {
  const before = createKeptItem({ labels: ["blocked"], word: "blocked" });
  const first = mergeObservation(before, REV, createReadObservation({ word: "todo" }));
  expect(first.next?.snapshot).toMatchObject({ labels: ["blocked"], word: "blocked" });
  const second = mergeObservation(first.next, REV, createReadObservation({ word: "todo" }, 3_010));
  expect(second.next?.snapshot).toMatchObject({ labels: [], word: "todo" });
});

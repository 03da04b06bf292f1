import { expect, test } from "vitest";
import { isSameSnapshot } from "../../../shared/task/merge-observation.ts";
import type { Snapshot } from "../../../shared/task/snapshot.ts";
import { createSnapshot, toTimestamp } from "./sample-items.ts";

test("two snapshots are equal when everything but the item's identity is equal", () => {
  expect(isSameSnapshot(createSnapshot(), createSnapshot())).toBe(true);
  expect(isSameSnapshot(createSnapshot(), createSnapshot({ createdAt: toTimestamp(9), createdBy: "thot" }))).toBe(true);
  const changes: Partial<Snapshot>[] = [
    { updatedAt: toTimestamp(1) },
    { state: "s" },
    { status: "done" },
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

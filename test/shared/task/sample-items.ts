import type { ItemRecord, Snapshot } from "../../../shared/task/snapshot.ts";

/** `2026-11-21T08:00:<seconds>.000000Z` */
export const toTimestamp = (seconds: number) => `2026-11-21T08:00:${String(seconds).padStart(2, "0")}.000000Z`;

/** A work item without changes since second 0. */
export function createSnapshot(change: Partial<Snapshot> = {}): Snapshot {
  return {
    id: "525a36c6-0000-4000-8000-000000000001",
    project: "d8d562c1-0000-4000-8000-000000000001",
    sequence: 12,
    name: "Write the guide",
    description: "<p></p>",
    state: "state-todo",
    status: "todo",
    priority: "none",
    assignees: [],
    labels: [],
    parent: null,
    start: null,
    due: null,
    createdBy: "ada",
    createdAt: toTimestamp(0),
    updatedAt: toTimestamp(0),
    completedAt: null,
    ...change,
  };
}

export function createItemRecord(change: Partial<Snapshot> = {}, more: Partial<ItemRecord> = {}): ItemRecord {
  return { snapshot: createSnapshot(change), blockers: [], ...more };
}

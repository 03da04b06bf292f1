import { expect, test } from "vitest";
import { diff } from "../../../shared/task/events.ts";
import {
  type ItemRecord,
  isBlocked,
  isBlockingOthers,
  type Snapshot,
  type Status,
} from "../../../shared/task/snapshot.ts";
import { createItemRecord } from "./sample-items.ts";

const diffKinds = (before: ItemRecord | undefined, after: ItemRecord) => diff(before, after).map((event) => event.kind);
const diffStatus = (from: Status, to: Status) =>
  diffKinds(createItemRecord({ status: from }), createItemRecord({ status: to }));

test("a new item gives the created event and the events of its present state", () => {
  expect(diff(undefined, createItemRecord())).toEqual([{ kind: "created" }]);
  expect(
    diff(
      undefined,
      createItemRecord({ assignees: ["ada"], status: "in_progress", priority: "high", due: "2026-12-24" }),
    ),
  ).toEqual([{ kind: "created" }, { kind: "assigned", who: "ada" }, { kind: "started" }]);
  expect(diffKinds(undefined, createItemRecord({ status: "done" }))).toEqual(["created", "completed"]);
  expect(diffKinds(undefined, createItemRecord({}, { blockers: ["b"] }))).toEqual(["created", "blocked"]);
});

test("removal and restoration give one event each, and a restoration also gives the changes", () => {
  const gone = createItemRecord({ assignees: ["ada"] }, { removedAt: 5 });
  expect(diffKinds(createItemRecord({ assignees: ["ada"] }), gone)).toEqual(["removed"]);
  expect(diffKinds(gone, gone)).toEqual([]);
  expect(diff(gone, createItemRecord({ assignees: ["thot"], status: "done" }))).toEqual([
    { kind: "restored" },
    { kind: "assigned", who: "thot" },
    { kind: "unassigned", who: "ada" },
    { kind: "completed" },
  ]);
});

test("each added and each removed assignee gives one event", () => {
  expect(
    diff(createItemRecord({ assignees: ["ada", "imhotep"] }), createItemRecord({ assignees: ["imhotep", "thot"] })),
  ).toEqual([
    { kind: "assigned", who: "thot" },
    { kind: "unassigned", who: "ada" },
  ]);
});

test("changes of title, date and priority give events with the previous value", () => {
  const after: Partial<Snapshot> = { name: "New", due: "2026-12-24", priority: "urgent" };
  expect(diff(createItemRecord(), createItemRecord(after))).toEqual([
    { kind: "renamed", from: "Write the guide" },
    { kind: "due", from: null, to: "2026-12-24" },
    { kind: "priority", from: "none", to: "urgent" },
  ]);
});

test("every change of status gives its events", () => {
  const statuses: Status[] = ["todo", "in_progress", "blocked", "done", "cancelled"];
  const table = statuses.map((from) => [from, ...statuses.map((to) => diffStatus(from, to).join("+") || "-")]);
  expect(table).toEqual([
    ["todo", "-", "started", "blocked", "completed", "cancelled"],
    ["in_progress", "-", "-", "blocked", "completed", "cancelled"],
    ["blocked", "unblocked", "unblocked", "-", "completed", "cancelled"],
    ["done", "reopened", "reopened+started", "reopened+blocked", "-", "cancelled"],
    ["cancelled", "reopened", "reopened+started", "reopened+blocked", "completed", "-"],
  ]);
});

test("blockers block open items only, and only the first and the last one give events", () => {
  const open = (...blockers: string[]) => createItemRecord({ status: "in_progress" }, { blockers });
  expect(diffKinds(open(), open("b"))).toEqual(["blocked"]);
  expect(diffKinds(open("b"), open("b", "c"))).toEqual([]);
  expect(diffKinds(open("b", "c"), open("c"))).toEqual([]);
  expect(diffKinds(open("c"), open())).toEqual(["unblocked"]);
  expect(
    diffKinds(createItemRecord({ status: "done" }), createItemRecord({ status: "done" }, { blockers: ["b"] })),
  ).toEqual([]);
  expect(diffKinds(open("b"), createItemRecord({ status: "done" }, { blockers: ["b"] }))).toEqual(["completed"]);
});

test("an item is blocked by an open blocker or its state, but never when removed or closed", () => {
  expect(isBlocked(createItemRecord({ status: "blocked" }))).toBe(true);
  expect(isBlocked(createItemRecord({}, { blockers: ["b"] }))).toBe(true);
  expect(isBlocked(createItemRecord({ status: "cancelled" }, { blockers: ["b"] }))).toBe(false);
  expect(isBlocked(createItemRecord({ status: "blocked" }, { removedAt: 5 }))).toBe(false);
});

test("an item blocks others while it is open or unknown", () => {
  expect(isBlockingOthers(undefined)).toBe(true);
  expect(isBlockingOthers(createItemRecord())).toBe(true);
  expect(isBlockingOthers(createItemRecord({ status: "done" }))).toBe(false);
  expect(isBlockingOthers(createItemRecord({ status: "cancelled" }))).toBe(false);
  expect(isBlockingOthers(createItemRecord({}, { removedAt: 5 }))).toBe(false);
});

test("OPENCLAW-18 an item in review blocks others if the settings say so", () => {
  expect(isBlockingOthers(createItemRecord({}, { review: true }))).toBe(true);
  expect(isBlockingOthers(createItemRecord({}, { review: true }), false)).toBe(false);
  expect(isBlockingOthers(createItemRecord(), false)).toBe(true);
});

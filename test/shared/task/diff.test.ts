import { expect, test } from "vitest";
import { diff, isBlocked, isBlockingOthers } from "../../../shared/task/diff.ts";
import type { KeptItem, Snapshot, Status } from "../../../shared/task/snapshot.ts";
import { createKeptItem } from "./sample-items.ts";

const diffKinds = (before: KeptItem | undefined, after: KeptItem) => diff(before, after).map((event) => event.kind);
const diffStatus = (from: Status, to: Status) =>
  diffKinds(createKeptItem({ word: from }), createKeptItem({ word: to }));

test("equal states give no events", () => {
  const item = createKeptItem({ assignees: ["ada"], word: "in_progress" }, { blockers: ["b"] });
  expect(diff(item, item)).toEqual([]);
});

test("a new item gives the created event and the events of its present state", () => {
  expect(diff(undefined, createKeptItem())).toEqual([{ kind: "created" }]);
  expect(
    diff(undefined, createKeptItem({ assignees: ["ada"], word: "in_progress", priority: "high", due: "2026-12-24" })),
  ).toEqual([{ kind: "created" }, { kind: "assigned", who: "ada" }, { kind: "started" }]);
  expect(diffKinds(undefined, createKeptItem({ word: "done" }))).toEqual(["created", "completed"]);
  expect(diffKinds(undefined, createKeptItem({}, { blockers: ["b"] }))).toEqual(["created", "blocked"]);
});

test("an item that is first seen as removed gives no events", () => {
  expect(diff(undefined, createKeptItem({}, { gone: 5 }))).toEqual([]);
});

test("removal and restoration give one event each, and a restoration also gives the changes", () => {
  const gone = createKeptItem({ assignees: ["ada"] }, { gone: 5 });
  expect(diffKinds(createKeptItem({ assignees: ["ada"] }), gone)).toEqual(["removed"]);
  expect(diffKinds(gone, gone)).toEqual([]);
  expect(diff(gone, createKeptItem({ assignees: ["thot"], word: "done" }))).toEqual([
    { kind: "restored" },
    { kind: "assigned", who: "thot" },
    { kind: "unassigned", who: "ada" },
    { kind: "completed" },
  ]);
});

test("each added and each removed assignee gives one event", () => {
  expect(
    diff(createKeptItem({ assignees: ["ada", "imhotep"] }), createKeptItem({ assignees: ["imhotep", "thot"] })),
  ).toEqual([
    { kind: "assigned", who: "thot" },
    { kind: "unassigned", who: "ada" },
  ]);
});

test("changes of title, date and priority give events with the previous value", () => {
  const after: Partial<Snapshot> = { name: "New", due: "2026-12-24", priority: "urgent" };
  expect(diff(createKeptItem(), createKeptItem(after))).toEqual([
    { kind: "renamed", from: "Write the guide" },
    { kind: "due", from: null, to: "2026-12-24" },
    { kind: "priority", from: "none", to: "urgent" },
  ]);
});

test("changes of description, labels, parent and start date give no events", () => {
  expect(
    diff(createKeptItem(), createKeptItem({ description: "d", labels: ["l"], parent: "p", start: "2026-12-24" })),
  ).toEqual([]);
});

test("every change of status gives its events", () => {
  const words: Status[] = ["todo", "in_progress", "blocked", "done", "cancelled"];
  const table = words.map((from) => [from, ...words.map((to) => diffStatus(from, to).join("+") || "-")]);
  expect(table).toEqual([
    ["todo", "-", "started", "blocked", "completed", "cancelled"],
    ["in_progress", "-", "-", "blocked", "completed", "cancelled"],
    ["blocked", "unblocked", "unblocked", "-", "completed", "cancelled"],
    ["done", "reopened", "reopened+started", "reopened+blocked", "-", "cancelled"],
    ["cancelled", "reopened", "reopened+started", "reopened+blocked", "completed", "-"],
  ]);
});

test("blockers block open items only, and only the first and the last one give events", () => {
  const open = (...blockers: string[]) => createKeptItem({ word: "in_progress" }, { blockers });
  expect(diffKinds(open(), open("b"))).toEqual(["blocked"]);
  expect(diffKinds(open("b"), open("b", "c"))).toEqual([]);
  expect(diffKinds(open("b", "c"), open("c"))).toEqual([]);
  expect(diffKinds(open("c"), open())).toEqual(["unblocked"]);
  expect(diffKinds(createKeptItem({ word: "done" }), createKeptItem({ word: "done" }, { blockers: ["b"] }))).toEqual(
    [],
  );
  expect(diffKinds(open("b"), createKeptItem({ word: "done" }, { blockers: ["b"] }))).toEqual(["completed"]);
});

test("an item is blocked by an open blocker or its state, but never when removed or closed", () => {
  expect(isBlocked(createKeptItem({ word: "blocked" }))).toBe(true);
  expect(isBlocked(createKeptItem({}, { blockers: ["b"] }))).toBe(true);
  expect(isBlocked(createKeptItem({ word: "cancelled" }, { blockers: ["b"] }))).toBe(false);
  expect(isBlocked(createKeptItem({ word: "blocked" }, { gone: 5 }))).toBe(false);
});

test("an item blocks others while it is open or unknown", () => {
  expect(isBlockingOthers(undefined)).toBe(true);
  expect(isBlockingOthers(createKeptItem())).toBe(true);
  expect(isBlockingOthers(createKeptItem({ word: "done" }))).toBe(false);
  expect(isBlockingOthers(createKeptItem({ word: "cancelled" }))).toBe(false);
  expect(isBlockingOthers(createKeptItem({}, { gone: 5 }))).toBe(false);
});

test("OPENCLAW-18 an item in review blocks others if the settings say so", () => {
  expect(isBlockingOthers(createKeptItem({}, { review: true }))).toBe(true);
  expect(isBlockingOthers(createKeptItem({}, { review: true }), false)).toBe(false);
  expect(isBlockingOthers(createKeptItem(), false)).toBe(true);
});

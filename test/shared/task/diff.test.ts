import { expect, test } from "vitest";
import { diff, holdsOthersUp, isBlocked } from "../../../shared/task/diff.ts";
import type { KeptItem, Snapshot, Word } from "../../../shared/task/snapshot.ts";
import { kept } from "./samples.ts";

const kinds = (before: KeptItem | undefined, after: KeptItem) => diff(before, after).map((event) => event.kind);
const turned = (from: Word, to: Word) => kinds(kept({ word: from }), kept({ word: to }));

test("the same state twice gives nothing", () => {
  const item = kept({ assignees: ["ada"], word: "in_progress" }, { blockers: ["b"] });
  expect(diff(item, item)).toEqual([]);
});

test("a new item is created, and what it already is has happened since", () => {
  expect(diff(undefined, kept())).toEqual([{ kind: "created" }]);
  expect(
    diff(undefined, kept({ assignees: ["ada"], word: "in_progress", priority: "high", due: "2026-12-24" })),
  ).toEqual([{ kind: "created" }, { kind: "assigned", who: "ada" }, { kind: "started" }]);
  expect(kinds(undefined, kept({ word: "done" }))).toEqual(["created", "completed"]);
  expect(kinds(undefined, kept({}, { blockers: ["b"] }))).toEqual(["created", "blocked"]);
});

test("an item that is first seen removed says nothing", () => {
  expect(diff(undefined, kept({}, { gone: 5 }))).toEqual([]);
});

test("removed and restored are one event each, and a restored one tells what changed", () => {
  const gone = kept({ assignees: ["ada"] }, { gone: 5 });
  expect(kinds(kept({ assignees: ["ada"] }), gone)).toEqual(["removed"]);
  expect(kinds(gone, gone)).toEqual([]);
  expect(diff(gone, kept({ assignees: ["thot"], word: "done" }))).toEqual([
    { kind: "restored" },
    { kind: "assigned", who: "thot" },
    { kind: "unassigned", who: "ada" },
    { kind: "completed" },
  ]);
});

test("each person who came and each who left is one event", () => {
  expect(diff(kept({ assignees: ["ada", "imhotep"] }), kept({ assignees: ["imhotep", "thot"] }))).toEqual([
    { kind: "assigned", who: "thot" },
    { kind: "unassigned", who: "ada" },
  ]);
});

test("a new title, date and priority tell what they were", () => {
  const after: Partial<Snapshot> = { name: "New", due: "2026-12-24", priority: "urgent" };
  expect(diff(kept(), kept(after))).toEqual([
    { kind: "renamed", from: "Write the guide" },
    { kind: "due", from: null, to: "2026-12-24" },
    { kind: "priority", from: "none", to: "urgent" },
  ]);
});

test("description, labels, parent and start date change nothing that is told", () => {
  expect(diff(kept(), kept({ description: "d", labels: ["l"], parent: "p", start: "2026-12-24" }))).toEqual([]);
});

test("every turn of the state", () => {
  const words: Word[] = ["todo", "in_progress", "blocked", "done", "cancelled"];
  const table = words.map((from) => [from, ...words.map((to) => turned(from, to).join("+") || "-")]);
  expect(table).toEqual([
    ["todo", "-", "started", "blocked", "completed", "cancelled"],
    ["in_progress", "-", "-", "blocked", "completed", "cancelled"],
    ["blocked", "unblocked", "unblocked", "-", "completed", "cancelled"],
    ["done", "reopened", "reopened+started", "reopened+blocked", "-", "cancelled"],
    ["cancelled", "reopened", "reopened+started", "reopened+blocked", "completed", "-"],
  ]);
});

test("a blocker blocks only what is open, and only the first and the last one tell", () => {
  const open = (...blockers: string[]) => kept({ word: "in_progress" }, { blockers });
  expect(kinds(open(), open("b"))).toEqual(["blocked"]);
  expect(kinds(open("b"), open("b", "c"))).toEqual([]);
  expect(kinds(open("b", "c"), open("c"))).toEqual([]);
  expect(kinds(open("c"), open())).toEqual(["unblocked"]);
  expect(kinds(kept({ word: "done" }), kept({ word: "done" }, { blockers: ["b"] }))).toEqual([]);
  expect(kinds(open("b"), kept({ word: "done" }, { blockers: ["b"] }))).toEqual(["completed"]);
});

test("blocked is an open blocker or the state, never a removed or finished item", () => {
  expect(isBlocked(kept({ word: "blocked" }))).toBe(true);
  expect(isBlocked(kept({}, { blockers: ["b"] }))).toBe(true);
  expect(isBlocked(kept({ word: "cancelled" }, { blockers: ["b"] }))).toBe(false);
  expect(isBlocked(kept({ word: "blocked" }, { gone: 5 }))).toBe(false);
});

test("an item holds others up while it is open, there, or unknown", () => {
  expect(holdsOthersUp(undefined)).toBe(true);
  expect(holdsOthersUp(kept())).toBe(true);
  expect(holdsOthersUp(kept({ word: "done" }))).toBe(false);
  expect(holdsOthersUp(kept({ word: "cancelled" }))).toBe(false);
  expect(holdsOthersUp(kept({}, { gone: 5 }))).toBe(false);
});

test("OPENCLAW-18 one that waits for its review holds others up where the settings say so", () => {
  expect(holdsOthersUp(kept({}, { review: true }))).toBe(true);
  expect(holdsOthersUp(kept({}, { review: true }), false)).toBe(false);
  expect(holdsOthersUp(kept(), false)).toBe(true);
});

import { expect, test } from "vitest";
import { findMentionedUsers } from "../../../shared/sync/observe-item.ts";
import { type AnyEvent, diff, EVENT_KINDS, toEventId } from "../../../shared/task/events.ts";
import { type ItemRecord, isBlocked, isBlockingOthers, type Status, toStatus } from "../../../shared/task/snapshot.ts";
import { createItemRecord as item } from "./sample-items.ts";

const b = { blockers: ["b"] };
const ada = item({ assignees: ["ada"] });
const gone = item({ assignees: ["ada"] }, { removedAt: 5 });
const working = (...blockers: string[]) => item({ status: "in_progress" }, { blockers });
const done = (...blockers: string[]) => item({ status: "done" }, { blockers });
const [assigned, unassigned] = ["assigned", "unassigned"].map((kind) => (who: string) => ({ kind, who }));
const future = item({ assignees: ["ada"], status: "in_progress", priority: "high", due: "2026-12-24" });
const renamed = { name: "New", due: "2026-12-24", priority: "urgent" } as const;

test.each<[string, ItemRecord | undefined, ItemRecord, unknown[]]>([
  ["a new item", undefined, item(), ["created"]],
  ["a new item with a state", undefined, future, ["created", assigned?.("ada"), "started"]],
  ["a new item that is done", undefined, done(), ["created", "completed"]],
  ["a new item with a blocker", undefined, item({}, b), ["created", "blocked"]],
  ["a removal", ada, gone, ["removed"]],
  ["a removed item", gone, gone, []],
  [
    "a restoration with changes",
    gone,
    item({ assignees: ["thot"], status: "done" }),
    ["restored", assigned?.("thot"), unassigned?.("ada"), "completed"],
  ],
  [
    "other assignees",
    item({ assignees: ["ada", "imhotep"] }),
    item({ assignees: ["imhotep", "thot"] }),
    [assigned?.("thot"), unassigned?.("ada")],
  ],
  [
    "another title, date and priority",
    item(),
    item(renamed),
    [
      { kind: "renamed", from: "Write the guide" },
      { kind: "due", from: null, to: "2026-12-24" },
      { kind: "priority", from: "none", to: "urgent" },
    ],
  ],
  ["the first blocker", working(), working("b"), ["blocked"]],
  ["another blocker", working("b"), working("b", "c"), []],
  ["one blocker less", working("b", "c"), working("c"), []],
  ["the last blocker", working("c"), working(), ["unblocked"]],
  ["a blocker of a done item", done(), done("b"), []],
  ["the end of a blocked item", working("b"), done("b"), ["completed"]],
])("the events of %s are these", (_, before, after, events) => {
  expect(diff(before, after)).toEqual(events.map((event) => (typeof event === "string" ? { kind: event } : event)));
});

test("every change of status gives its events", () => {
  const statuses: Status[] = ["todo", "in_progress", "blocked", "done", "cancelled"];
  const diffStatus = (from: Status, to: Status) => diff(item({ status: from }), item({ status: to }));
  const toText = (from: Status, to: Status) =>
    diffStatus(from, to)
      .map(({ kind }) => kind)
      .join("+") || "-";
  expect(statuses.map((from) => [from, ...statuses.map((to) => toText(from, to))])).toEqual([
    ["todo", "-", "started", "blocked", "completed", "cancelled"],
    ["in_progress", "-", "-", "blocked", "completed", "cancelled"],
    ["blocked", "unblocked", "unblocked", "-", "completed", "cancelled"],
    ["done", "reopened", "reopened+started", "reopened+blocked", "-", "cancelled"],
    ["cancelled", "reopened", "reopened+started", "reopened+blocked", "completed", "-"],
  ]);
});

test("OPENCLAW-18 an item is blocked by an open blocker or its state, and blocks others while it is open or unknown, in review if the settings say so", () => {
  const free = [item({ status: "cancelled" }, b), item({ status: "blocked" }, { removedAt: 5 })];
  const waiting = [item({ status: "blocked" }), item({}, b)];
  expect([...waiting, ...free].map(isBlocked)).toEqual([true, true, false, false]);
  const others = [undefined, item(), done(), item({ status: "cancelled" }), item({}, { removedAt: 5 })];
  expect(others.map((other) => isBlockingOthers(other))).toEqual([true, true, false, false, false]);
  const review = item({}, { review: true });
  const answers = [isBlockingOthers(review), isBlockingOthers(review, false), isBlockingOthers(item(), false)];
  expect(answers).toEqual([true, false, true]);
});

test("events that can occur several times in one commit have different ids, and every kind of event is listed once", () => {
  const comments = ["c1", "c2"].map((comment): AnyEvent => ({ kind: "comment_added", comment, author: null }));
  const people = ["ada", "thot"].map((who): AnyEvent => ({ kind: "assigned", who }));
  const ids = [...people, ...comments, { kind: "renamed", from: "Old" } as const].map(toEventId);
  expect(ids.join(" ")).toBe("assigned.ada assigned.thot comment_added.c1 comment_added.c2 renamed");
  expect(new Set(EVENT_KINDS).size).toBe(EVENT_KINDS.length);
});

const SETTING = { in_progress: ["Review", "Doing"], done: ["shipped"], todo: ["Blocked"] };

test.each([
  ["Anything", "backlog", [], {}, "todo"],
  ["Anything", "unstarted", [], {}, "todo"],
  ["Anything", "triage", [], {}, "todo"],
  ["Anything", "started", [], {}, "in_progress"],
  ["Anything", "completed", [], {}, "done"],
  ["Anything", "cancelled", [], {}, "cancelled"],
  ["Anything", "of tomorrow", [], {}, "todo"],
  [" bLoCkEd ", "started", [], {}, "blocked"],
  ["Blocked", "unstarted", [], {}, "blocked"],
  ["Blocked", "cancelled", [], {}, "cancelled"],
  ["Todo", "unstarted", ["bug", "Blocked"], {}, "blocked"],
  ["Done", "completed", ["blocked"], {}, "done"],
  ["Doing", "started", ["blocked"], SETTING, "blocked"],
  ["review", "unstarted", [], SETTING, "in_progress"],
  ["Shipped", "started", ["blocked"], SETTING, "done"],
  ["Blocked", "started", [], SETTING, "todo"],
])("the state %j of the group %s with the labels %j and setting %j is %s", (name, group, labels, setting, status) => {
  expect(toStatus({ name, group }, labels, setting)).toBe(status);
});

const ID = "08f6126c-2c38-44aa-8fa6-37d8c533e5dc";
const OPEN = `<mention-component entity_identifier="${ID}"`;

test.each([
  [`${OPEN} entity_name="user_mention"></mention-component>`, [ID]],
  [`<mention-component entity_name='user_mention' id="1" entity_identifier='${ID}'>`, [ID]],
  [`<MENTION-COMPONENT entity_identifier="${ID.toUpperCase()}"/>`, [ID]],
  [`<p>${OPEN}></mention-component> ${OPEN}>`, [ID]],
  [`${OPEN} entity_name="issue_mention"></mention-component>`, []],
  ['<mention-component entity_identifier="x" entity_name="user_mention"></mention-component>', []],
  [`${OPEN.replace("<", "&lt;")}&gt;`, []],
  [`@Imhotep ${ID}`, []],
  // Its time grows with the number only.
  ["<mention-component ".repeat(50_000), []],
])("the mentioned users of %.100s are %j", (html, ids) => {
  expect(findMentionedUsers(html)).toEqual(ids);
});

import { expect, test } from "vitest";
import { type AnyEvent, EVENT_KINDS, toEventId } from "../../../shared/task/events.ts";

test("events that can occur several times in one commit have different ids", () => {
  const events: AnyEvent[] = [
    { kind: "assigned", who: "ada" },
    { kind: "assigned", who: "thot" },
    { kind: "unassigned", who: "ada" },
    { kind: "comment_added", comment: "c1", author: null },
    { kind: "comment_added", comment: "c2", author: "ada" },
    { kind: "comment_edited", comment: "c1", author: "ada" },
    { kind: "renamed", from: "Old" },
    { kind: "project_created" },
    { kind: "cycle_started" },
  ];
  expect(events.map(toEventId)).toEqual([
    "assigned.ada",
    "assigned.thot",
    "unassigned.ada",
    "comment_added.c1",
    "comment_added.c2",
    "comment_edited.c1",
    "renamed",
    "project_created",
    "cycle_started",
  ]);
});

test("every kind of event is listed once", () => {
  expect(new Set(EVENT_KINDS).size).toBe(EVENT_KINDS.length);
});

import { expect, test } from "vitest";
import { type AnyEvent, EVENT_KINDS, toEventId } from "../../../shared/task/events.ts";

test("events that can occur several times in one commit have different ids", () => {
  const ids = (...events: AnyEvent[]) => events.map(toEventId);
  expect(ids({ kind: "assigned", who: "ada" }, { kind: "assigned", who: "thot" })).toEqual([
    "assigned.ada",
    "assigned.thot",
  ]);
  const comments = ["c1", "c2"].map((comment): AnyEvent => ({ kind: "comment_added", comment, author: null }));
  expect(ids(...comments, { kind: "renamed", from: "Old" })).toEqual([
    "comment_added.c1",
    "comment_added.c2",
    "renamed",
  ]);
});

test("every kind of event is listed once", () => {
  expect(new Set(EVENT_KINDS).size).toBe(EVENT_KINDS.length);
});

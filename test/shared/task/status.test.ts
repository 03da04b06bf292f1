import { expect, test } from "vitest";
import { toStatus } from "../../../shared/task/snapshot.ts";

test.each([
  ["Backlog", "backlog", "todo"],
  ["Todo", "unstarted", "todo"],
  ["Triage", "triage", "todo"],
  ["In Progress", "started", "in_progress"],
  ["Done", "completed", "done"],
  ["Cancelled", "cancelled", "cancelled"],
  ["Anything", "a group of tomorrow", "todo"],
])("the state %s of the group %s has the status %s", (name, group, word) => {
  expect(toStatus({ name, group }, [], {})).toBe(word);
});

test("an open state named Blocked is blocked, a closed one is not", () => {
  expect(toStatus({ name: " bLoCkEd ", group: "started" }, [], {})).toBe("blocked");
  expect(toStatus({ name: "Blocked", group: "unstarted" }, [], {})).toBe("blocked");
  expect(toStatus({ name: "Blocked", group: "cancelled" }, [], {})).toBe("cancelled");
});

test("the label blocked blocks an open item, but not a closed one", () => {
  expect(toStatus({ name: "Todo", group: "unstarted" }, ["bug", "Blocked"], {})).toBe("blocked");
  expect(toStatus({ name: "Done", group: "completed" }, ["blocked"], {})).toBe("done");
});

test("the label blocked also blocks an item in an open state from the setting", () => {
  expect(toStatus({ name: "Doing", group: "started" }, ["blocked"], { in_progress: ["Doing"] })).toBe("blocked");
});

test("the setting takes precedence over the state's group and name", () => {
  const states = { in_progress: ["Review"], done: ["shipped"], todo: ["Blocked"] };
  expect(toStatus({ name: "review", group: "unstarted" }, [], states)).toBe("in_progress");
  expect(toStatus({ name: "Shipped", group: "started" }, ["blocked"], states)).toBe("done");
  expect(toStatus({ name: "Blocked", group: "started" }, [], states)).toBe("todo");
});

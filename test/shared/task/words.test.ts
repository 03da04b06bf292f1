import { expect, test } from "vitest";
import { wordOf } from "../../../shared/task/words.ts";

test.each([
  ["Backlog", "backlog", "todo"],
  ["Todo", "unstarted", "todo"],
  ["Triage", "triage", "todo"],
  ["In Progress", "started", "in_progress"],
  ["Done", "completed", "done"],
  ["Cancelled", "cancelled", "cancelled"],
  ["Anything", "a group of tomorrow", "todo"],
])("the state %s of the group %s is %s", (name, group, word) => {
  expect(wordOf({ name, group }, [], {})).toBe(word);
});

test("an open state called Blocked is blocked, a finished one is not", () => {
  expect(wordOf({ name: " bLoCkEd ", group: "started" }, [], {})).toBe("blocked");
  expect(wordOf({ name: "Blocked", group: "unstarted" }, [], {})).toBe("blocked");
  expect(wordOf({ name: "Blocked", group: "cancelled" }, [], {})).toBe("cancelled");
});

test("the label blocked blocks an open item, not a finished one", () => {
  expect(wordOf({ name: "Todo", group: "unstarted" }, ["bug", "Blocked"], {})).toBe("blocked");
  expect(wordOf({ name: "Done", group: "completed" }, ["blocked"], {})).toBe("done");
});

test("the label blocks an item in an open state of the setting, too", () => {
  expect(wordOf({ name: "Doing", group: "started" }, ["blocked"], { in_progress: ["Doing"] })).toBe("blocked");
});

test("the setting decides before group and name", () => {
  const states = { in_progress: ["Review"], done: ["shipped"], todo: ["Blocked"] };
  expect(wordOf({ name: "review", group: "unstarted" }, [], states)).toBe("in_progress");
  expect(wordOf({ name: "Shipped", group: "started" }, ["blocked"], states)).toBe("done");
  expect(wordOf({ name: "Blocked", group: "started" }, [], states)).toBe("todo");
});

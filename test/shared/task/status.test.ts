import { expect, test } from "vitest";
import { toStatus } from "../../../shared/task/snapshot.ts";

test("a state has the status of its group, or blocked by its name or a label while it is open", () => {
  const groups = { backlog: "todo", unstarted: "todo", triage: "todo", started: "in_progress", completed: "done" };
  for (const [group, status] of Object.entries({ ...groups, cancelled: "cancelled", "of tomorrow": "todo" }))
    expect(toStatus({ name: "Anything", group }, [], {}), group).toBe(status);
  expect(toStatus({ name: " bLoCkEd ", group: "started" }, [], {})).toBe("blocked");
  expect(toStatus({ name: "Blocked", group: "unstarted" }, [], {})).toBe("blocked");
  expect(toStatus({ name: "Blocked", group: "cancelled" }, [], {})).toBe("cancelled");
  expect(toStatus({ name: "Todo", group: "unstarted" }, ["bug", "Blocked"], {})).toBe("blocked");
  expect(toStatus({ name: "Done", group: "completed" }, ["blocked"], {})).toBe("done");
  expect(toStatus({ name: "Doing", group: "started" }, ["blocked"], { in_progress: ["Doing"] })).toBe("blocked");
});

test("the setting takes precedence over the state's group and name", () => {
  const states = { in_progress: ["Review"], done: ["shipped"], todo: ["Blocked"] };
  expect(toStatus({ name: "review", group: "unstarted" }, [], states)).toBe("in_progress");
  expect(toStatus({ name: "Shipped", group: "started" }, ["blocked"], states)).toBe("done");
  expect(toStatus({ name: "Blocked", group: "started" }, [], states)).toBe("todo");
});

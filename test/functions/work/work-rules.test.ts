import { expect, test } from "vitest";
import { createWorkRules } from "../../../functions/work.ts";
import { settingsFileSchema } from "../../../shared/config/settings-file.ts";
import type { AnyEvent } from "../../../shared/task/events.ts";
import type { EventFacts } from "../../../shared/task/rule-set.ts";

const { agents } = settingsFileSchema.parse({ agents: [{ name: "Thot", email: "thot@javisi.local.test" }] });

function createFacts(item: Partial<NonNullable<EventFacts["item"]>> = {}): EventFacts {
  return {
    item: {
      id: "item-1",
      key: "ONB-1",
      title: "Write it down",
      word: "todo",
      priority: "none",
      due: null,
      url: "",
      assignees: [],
      labels: [],
      blockers: [],
      dependants: 0,
      ...item,
    },
    project: { id: "project-1", identifier: "ONB", name: "Onboarding", url: "" },
    at: "2026-11-21T08:00:00Z",
  };
}

const decideTargets = (event: AnyEvent, about: EventFacts = createFacts(), who = agents) =>
  createWorkRules(who)
    .decide(event, about, "c")
    .map(({ target }) => target);

test.each<[AnyEvent["kind"], AnyEvent, string[]]>([
  ["created", { kind: "created" }, ["mirror"]],
  ["assigned", { kind: "assigned", who: "u" }, ["mirror"]],
  ["unassigned", { kind: "unassigned", who: "u" }, ["check_claim", "mirror"]],
  ["completed", { kind: "completed" }, ["check_claim"]],
  ["cancelled", { kind: "cancelled" }, ["check_claim"]],
  ["removed", { kind: "removed" }, ["check_claim"]],
  ["reopened", { kind: "reopened" }, ["check_claim"]],
  ["started", { kind: "started" }, []],
  ["renamed", { kind: "renamed", from: "x" }, []],
  // What people write is recorded with the comment itself.
  ["comment_added", { kind: "comment_added", comment: "comment-1", author: "u" }, []],
])("after %s the work rules queue exactly the jobs that must follow", (_, event, targets) => {
  expect(decideTargets(event)).toEqual(targets);
});

test("the claim is checked when a task is marked as blocked, not when it waits for a blocker", () => {
  expect(decideTargets({ kind: "blocked" }, createFacts({ word: "blocked" }))).toEqual(["check_claim"]);
  expect(decideTargets({ kind: "blocked" }, createFacts({ word: "in_progress" }))).toEqual([]);
});

test("the dependants of a task, if there are any, are blocked and unblocked with it", () => {
  const waitedFor = createFacts({ dependants: 2, word: "blocked" });
  const ends = (kind: "cancelled" | "blocked" | "completed" | "started" | "unblocked") =>
    decideTargets({ kind }, waitedFor).filter((target) => target === "resolve_dependants");
  expect(
    ["cancelled", "blocked", "completed", "started", "unblocked"].flatMap((kind) => ends(kind as "started")),
  ).toEqual(Array(5).fill("resolve_dependants"));
});

test("the work rules queue nothing without agents and for project events", () => {
  expect(decideTargets({ kind: "created" }, createFacts(), [])).toEqual([]);
  const { item: _, ...project } = createFacts();
  expect(decideTargets({ kind: "project_created" }, project)).toEqual([]);
});

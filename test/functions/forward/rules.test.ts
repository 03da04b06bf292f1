import { describe, expect, test } from "vitest";
import { createForwardRules, toCommonName } from "../../../functions/forward.ts";
import { settingsFileSchema } from "../../../shared/config/settings-file.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { EVENT_KINDS, PLAN_EVENT_KINDS, WORK_EVENT_KINDS } from "../../../shared/task/events.ts";
import { facts, SECRET } from "./forward-facts.ts";

const url = "https://n8n.example.com/webhook";

describe("NOTIF-03: the rules of forwarding", () => {
  test("does not forward events that the entry does not list", () => {
    const consumer = createForwardRules([{ url, secret: SECRET, events: ["issue.created"] }]);
    expect(consumer.decide({ kind: "completed" }, facts, "c")).toEqual([]);
    expect(consumer.decide({ kind: "created" }, facts, "c")).toHaveLength(1);
    expect(consumer.decide({ kind: "project_created" }, facts, "c")).toEqual([]);
  });

  test("has a name for every event that other systems expect", () => {
    expect(Object.fromEntries(EVENT_KINDS.map((kind) => [kind, toCommonName(kind)]))).toEqual({
      created: "issue.created",
      assigned: "issue.assigned",
      unassigned: "issue.updated",
      started: "issue.updated",
      blocked: "issue.updated",
      unblocked: "issue.updated",
      completed: "issue.completed",
      cancelled: "issue.updated",
      reopened: "issue.updated",
      removed: "issue.updated",
      restored: "issue.updated",
      renamed: "issue.updated",
      due: "issue.updated",
      priority: "issue.updated",
      comment_added: "issue.activity.created",
      comment_edited: "issue.activity.created",
      project_created: null,
      project_deleted: null,
      project_completed: null,
      cycle_started: "cycle.started",
      cycle_completed: "cycle.completed",
      ...Object.fromEntries([...WORK_EVENT_KINDS, ...PLAN_EVENT_KINDS].map((kind) => [kind, null])),
    });
  });

  test.each(EVENT_KINDS)("accepts the event %s in the settings file", (kind) => {
    const { forward } = settingsFileSchema.parse({ forward: [{ url, secret: SECRET, events: [kind] }] });
    expect(createForwardRules(forward).canMatch?.(kind, { project: "ONB", priority: "none" })).toBe(true);
  });

  test("leaves out of the facts what only Groundcrew's own rules use", () => {
    const consumer = createForwardRules([{ url, secret: SECRET, events: ["issue.completed"] }]);
    const item = facts.item && {
      ...facts.item,
      agent: "Imhotep",
      agents: ["Imhotep"],
      blockedByDependency: true as const,
    };
    const [action] = consumer.decide({ kind: "completed" }, omitUndefined({ ...facts, item }), "c");
    expect(action?.body).toMatchObject({ facts: { item: { agent: "Imhotep" } } });
    expect(action?.body).not.toHaveProperty("facts.item.agents");
    expect(action?.body).not.toHaveProperty("facts.item.blockedByDependency");
  });
});

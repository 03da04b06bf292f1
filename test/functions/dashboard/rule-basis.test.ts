import { expect, test } from "vitest";
import { findRuleBasis } from "../../../functions/dashboard/decision-log-route.ts";
import { notificationRulesSchema } from "../../../shared/config/notification-rules.ts";

const notifications = notificationRulesSchema.parse([
  { name: "projects", events: ["completed"] },
  { events: ["blocked"] },
]);

test.each([
  ["forward[0]", "forward", "settings"],
  ["wake on assigned", "wake", "always"],
  ["waits for a person", "outbox", "always"],
  ["projects", "outbox", "settings"],
  ["notifications[1]", "outbox", "settings"],
  ["questions", "outbox", "default"],
  ["removed since", "outbox", "settings"],
] as const)("the rule %s of the queue %s comes from: %s", (rule, queue, basis) => {
  expect(findRuleBasis({ notifications }, { rule, queue })).toBe(basis);
});

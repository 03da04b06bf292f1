import { expect, test } from "vitest";
import { createForwardRules } from "../../../functions/forward.ts";
import { createNotificationRules } from "../../../functions/telegram/rules.ts";
import { notificationRulesSchema } from "../../../shared/config/settings-file.ts";
import { createNotice } from "./outbox-setup.ts";

const { facts } = createNotice(1);
const completed = { kind: "completed" } as const;
const renamed = { kind: "renamed", from: "Before" } as const;
const entries = notificationRulesSchema.parse([
  { name: "done", events: ["completed"] },
  { events: ["completed"], chat: -100 },
  { name: "quiet", events: ["completed"], projects: ["ONB"], chat: -100, mute: true },
]);

test("why no notification is sent to Telegram: no rule matches the event", () => {
  const rules = createNotificationRules(undefined, 42);
  expect(rules.explainSkips?.(renamed, facts)).toEqual([{ consumer: "telegram", why: "no_rule" }]);
});
test("why no notification is sent to Telegram: a named rule mutes the event in one chat and not in another", () => {
  const rules = createNotificationRules(entries, 42);
  expect(rules.explainSkips?.(completed, facts)).toEqual([{ consumer: "telegram", why: "muted", rule: "quiet" }]);
  expect(rules.decide(completed, facts, "c").map(({ target }) => target)).toEqual(["telegram:42"]);
});
test("why no notification is sent to Telegram: a rule matches and Telegram is not configured", () => {
  const rules = createNotificationRules(undefined, undefined);
  expect(rules.explainSkips?.(completed, facts)).toEqual([
    { consumer: "telegram", why: "not_set_up", rule: "completed tasks" },
  ]);
  expect(rules.decide(completed, facts, "c")).toEqual([]);
});
test("why no notification is sent to Telegram: a notification that is sent has no reason", () => {
  expect(createNotificationRules(undefined, 42).explainSkips?.(completed, facts)).toEqual([]);
});

const to = { url: "https://n8n.example.com/hook", secret: "s", events: ["issue.completed" as const] };
test("why an event is not forwarded: no forward address matches the event", () => {
  expect(createForwardRules([to]).explainSkips?.(renamed, facts)).toEqual([{ consumer: "forward", why: "no_rule" }]);
  expect(createForwardRules([to]).explainSkips?.(completed, facts)).toEqual([]);
});
test("why an event is not forwarded: no reason is given if forwarding is not configured", () => {
  expect(createForwardRules([]).explainSkips?.(renamed, facts)).toEqual([]);
});

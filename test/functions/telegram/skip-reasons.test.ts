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

const to = { url: "https://n8n.example.com/hook", secret: "s", events: ["issue.completed" as const] };

test("why no notification is sent, and why nothing is forwarded: no rule, a mute rule, or no chat", () => {
  const muting = createNotificationRules(entries, 42);
  const withoutChat = createNotificationRules(undefined, undefined);
  for (const [rules, event, skips] of [
    [createNotificationRules(undefined, 42), renamed, [{ consumer: "telegram", why: "no_rule" }]],
    [createNotificationRules(undefined, 42), completed, []],
    [muting, completed, [{ consumer: "telegram", why: "muted", rule: "quiet" }]],
    [withoutChat, completed, [{ consumer: "telegram", why: "not_set_up", rule: "completed tasks" }]],
    [createForwardRules([to]), renamed, [{ consumer: "forward", why: "no_rule" }]],
    [createForwardRules([to]), completed, []],
    [createForwardRules([]), renamed, []],
  ] as const)
    expect(rules.explainSkips?.(event, facts)).toEqual(skips);
  expect(muting.decide(completed, facts, "c").map(({ target }) => target)).toEqual(["telegram:42"]);
  expect(withoutChat.decide(completed, facts, "c")).toEqual([]);
});

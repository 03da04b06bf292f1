import { describe, expect, test } from "vitest";
import { forwardRules } from "../../../functions/forward/rules.ts";
import { notifyRules } from "../../../functions/telegram/rules.ts";
import { notificationsSchema } from "../../../shared/telegram/notifications.ts";
import { notice } from "./rig.ts";

const { facts } = notice(1);
const completed = { kind: "completed" } as const;
const renamed = { kind: "renamed", from: "Before" } as const;
const entries = notificationsSchema.parse([
  { name: "done", events: ["completed"] },
  { events: ["completed"], chat: -100 },
  { name: "quiet", events: ["completed"], projects: ["ONB"], chat: -100, mute: true },
]);

describe("why nothing is told in Telegram", () => {
  test("no rule asks for it", () => {
    const rules = notifyRules(undefined, 42);
    expect(rules.held?.(renamed, facts)).toEqual([{ consumer: "telegram", why: "no_rule" }]);
  });
  test("a rule silences it in one chat, by its name, and not in another", () => {
    const rules = notifyRules(entries, 42);
    expect(rules.held?.(completed, facts)).toEqual([{ consumer: "telegram", why: "muted", rule: "quiet" }]);
    expect(rules.decide(completed, facts, "c").map(({ target }) => target)).toEqual(["telegram:42"]);
  });
  test("a rule asks for it and Telegram is not set up", () => {
    const rules = notifyRules(undefined, undefined);
    expect(rules.held?.(completed, facts)).toEqual([
      { consumer: "telegram", why: "not_set_up", rule: "completed tasks" },
    ]);
    expect(rules.decide(completed, facts, "c")).toEqual([]);
  });
  test("what is told is not held back", () => {
    expect(notifyRules(undefined, 42).held?.(completed, facts)).toEqual([]);
  });
});

describe("why nothing is forwarded", () => {
  const to = { url: "https://n8n.example.com/hook", secret: "s", events: ["issue.completed" as const] };
  test("no address wants it", () => {
    expect(forwardRules([to]).held?.(renamed, facts)).toEqual([{ consumer: "forward", why: "no_rule" }]);
    expect(forwardRules([to]).held?.(completed, facts)).toEqual([]);
  });
  test("nothing is said where nothing is forwarded at all", () => {
    expect(forwardRules([]).held?.(renamed, facts)).toEqual([]);
  });
});

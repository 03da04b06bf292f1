import { expect, test } from "vitest";
import { createNotificationRules } from "../../../functions/telegram/rules.ts";
import { notificationRulesSchema } from "../../../shared/config/settings-file.ts";
import { type AnyEvent, EVENT_KINDS, type EventKind } from "../../../shared/task/events.ts";
import type { EventFacts } from "../../../shared/task/rule-set.ts";
import { createNotice, OUTBOX_CHAT, PROJECT } from "./outbox-setup.ts";

const AGENT = { id: "a", name: "Builder", isAgent: true };
const PERSON = { id: "p", name: "Ada", isAgent: false };
const { facts } = createNotice(1);

/** An event of this kind with what the rules read of it. */
const createEvent = (kind: EventKind) =>
  ({ kind, why: "expired", who: "someone", agent: "Thot" }) as unknown as AnyEvent;

const createRules = (entries: unknown, chat: number | undefined = OUTBOX_CHAT) =>
  createNotificationRules(notificationRulesSchema.parse(entries), chat);

/** Returns the targets that an event would be sent to with these rules. */
function getTargets(
  entries: unknown,
  kind: EventKind,
  change: Partial<EventFacts["item"] & object> = {},
  actor?: EventFacts["actor"],
) {
  const noticed = createNotice(1, change).facts;
  const actions = createRules(entries).decide(createEvent(kind), actor ? { ...noticed, actor } : noticed, "c");
  return actions.map(({ target }) => target);
}

const CHAT_TARGETS = [`telegram:${OUTBOX_CHAT}`];

test("NOTIF-05: by default only important events are sent: completions, critical blockers, projects, cycles, questions, reviews, plans, failures", () => {
  expect(EVENT_KINDS.filter((kind) => getTargets([], kind, { priority: "urgent" }).length > 0)).toEqual([
    ...["blocked", "completed", "project_created", "project_completed", "project_deleted", "cycle_started"],
    ...["cycle_completed", "asked", "critical", "claim_lost", "review", "stuck", "circle", "failed"],
    ...["plan_proposed", "plan_failed"],
  ]);
  expect(getTargets([], "blocked", { priority: "high" })).toEqual(CHAT_TARGETS);
  expect(getTargets([], "blocked", { priority: "medium" })).toEqual([]);
  // A claim that ended with its deleted project is not sent where the deletion is.
  const ended = { kind: "claim_lost", agent: "Thot", why: "deleted", since: "2026-11-24T08:00:00Z" } as const;
  expect(createRules([]).decide(ended, facts, "c")).toEqual([]);
  expect(createRules([{ events: ["claim_lost"] }]).decide(ended, facts, "c")).toHaveLength(1);
});

test("a rule of the settings replaces the default rules, and matches by project, label, priority, chat and actor", () => {
  const completed = { events: ["completed"] };
  const quiet = { ...completed, mute: true };
  const cases: [entries: unknown, expected: string[], more?: Parameters<typeof getTargets>[2], actor?: typeof AGENT][] =
    [
      [[{ events: ["started"] }], []],
      [[completed], CHAT_TARGETS],
      [[{ ...completed, projects: ["onb"] }], CHAT_TARGETS],
      [[{ ...completed, projects: ["WEB"] }], []],
      [[{ ...completed, labels: ["release", "bug"] }], CHAT_TARGETS, { labels: ["Bug"] }],
      [[{ ...completed, labels: ["release", "bug"] }], [], { labels: ["chore"] }],
      [[{ ...completed, chat: "@crew_news" }], ["telegram:@crew_news"]],
      [[{ ...completed, by: "people" }], CHAT_TARGETS, {}, PERSON],
      [[{ ...completed, by: "people" }], [], {}, AGENT],
      [[{ ...completed, by: "people" }], CHAT_TARGETS],
      [[{ ...completed, by: "agents" }], CHAT_TARGETS, {}, AGENT],
      [[{ ...completed, by: "agents" }], [], {}, PERSON],
      [[{ ...completed, by: "agents" }], []],
      // A mute rule applies at any position, to its chat, and not to an actor that is unknown.
      [[{ ...quiet, projects: ["ONB"] }], []],
      [[{ ...quiet, labels: ["chore"] }, completed], [], { labels: ["chore"] }],
      [[completed, { ...quiet, labels: ["chore"] }], [], { labels: ["chore"] }],
      [[completed, { ...completed, chat: 7 }, { ...quiet, chat: 7 }], CHAT_TARGETS],
      [[{ ...quiet, by: "agents" }], [], {}, AGENT],
      [[{ ...quiet, by: "agents" }], CHAT_TARGETS],
    ];
  for (const [entries, expected, change, actor] of cases)
    expect(getTargets(entries, "completed", change, actor), JSON.stringify([entries, change, actor])).toEqual(expected);
  expect(getTargets([{ ...quiet, projects: ["ONB"] }], "blocked", { priority: "urgent" })).toEqual(CHAT_TARGETS);
  const ofPriority = createRules([{ events: ["project_created"], priorities: ["none"] }]);
  expect(ofPriority.decide({ kind: "project_created" }, { project: PROJECT, at: "" }, "c")).toEqual([]);
});

test("of several rules that match for one chat the first one sends and names the notification, and looks up the actor", () => {
  const rules = createRules([
    { name: "a", events: ["completed"] },
    { name: "b", events: ["completed", "started"], by: "people" },
    { events: ["completed"], chat: 7 },
  ]);
  expect(rules.decide({ kind: "completed" }, facts, "c").map(({ target, rule }) => [target, rule])).toEqual([
    [`telegram:${OUTBOX_CHAT}`, "a"],
    ["telegram:7", "notifications[2]"],
  ]);
  expect(EVENT_KINDS.filter((kind) => rules.needsActor(createEvent(kind)))).toEqual(["started", "completed"]);
  expect(EVENT_KINDS.some((kind) => createRules([]).needsActor(createEvent(kind)))).toBe(false);
});

test("why no notification is sent: no rule, a mute rule, or no chat", () => {
  const completed = { kind: "completed" } as const;
  const renamed = { kind: "renamed", from: "Before" } as const;
  const muting = createRules([
    { name: "done", events: ["completed"] },
    { events: ["completed"], chat: -100 },
    { name: "quiet", events: ["completed"], projects: ["ONB"], chat: -100, mute: true },
  ]);
  const withoutChat = createNotificationRules(undefined, undefined);
  for (const [rules, event, skips] of [
    [createNotificationRules(undefined, 42), renamed, [{ consumer: "telegram", why: "no_rule" }]],
    [createNotificationRules(undefined, 42), completed, []],
    [muting, completed, [{ consumer: "telegram", why: "muted", rule: "quiet" }]],
    [withoutChat, completed, [{ consumer: "telegram", why: "not_set_up", rule: "completed tasks" }]],
  ] as const)
    expect(rules.explainSkips?.(event, facts)).toEqual(skips);
  expect(muting.decide(completed, facts, "c").map(({ target }) => target)).toEqual(CHAT_TARGETS);
  expect(withoutChat.decide(completed, facts, "c")).toEqual([]);
});

import { expect, test } from "vitest";
import { createNotificationRules } from "../../../functions/telegram/rules.ts";
import { notificationRulesSchema } from "../../../shared/config/settings-file.ts";
import { type AnyEvent, EVENT_KINDS, type EventKind } from "../../../shared/task/events.ts";
import type { EventFacts } from "../../../shared/task/rule-set.ts";
import { createNotice, OUTBOX_CHAT, PROJECT } from "./outbox-setup.ts";

const AGENT = { id: "a", name: "Builder", isAgent: true };
const PERSON = { id: "p", name: "Ada", isAgent: false };

/** An event of this kind with what the rules read of it. */
const createEvent = (kind: EventKind) =>
  ({ kind, why: "expired", who: "someone", agent: "Thot" }) as unknown as AnyEvent;

/** Returns the targets that an event would be sent to with these rules. */
function getTargets(
  entries: unknown,
  kind: EventKind,
  change: Partial<EventFacts["item"] & object> = {},
  actor?: EventFacts["actor"],
) {
  const rules = createNotificationRules(notificationRulesSchema.parse(entries), OUTBOX_CHAT);
  const { facts } = createNotice(1, change);
  return rules.decide(createEvent(kind), actor ? { ...facts, actor } : facts, "c").map(({ target }) => target);
}

test("a claim that ended with its deleted project is not sent where the deletion is", () => {
  const { facts } = createNotice(1);
  const event = { kind: "claim_lost", agent: "Thot", why: "deleted", since: "2026-11-24T08:00:00Z" } as const;
  const decide = (entries: unknown) =>
    createNotificationRules(notificationRulesSchema.parse(entries), OUTBOX_CHAT).decide(event, facts, "c");
  expect(decide([])).toEqual([]);
  expect(decide([{ events: ["claim_lost"] }])).toHaveLength(1);
});

const CHAT_TARGETS = [`telegram:${OUTBOX_CHAT}`];

test("NOTIF-05: by default only important events are sent: completions, critical blockers, projects, cycles, questions, reviews, plans, failures", () => {
  const sentKinds = EVENT_KINDS.filter((kind) => getTargets([], kind, { priority: "urgent" }).length > 0);
  expect(sentKinds).toEqual([
    "blocked",
    "completed",
    "project_created",
    "project_completed",
    "project_deleted",
    "cycle_started",
    "cycle_completed",
    "asked",
    "critical",
    "claim_lost",
    "review",
    "stuck",
    "circle",
    "failed",
    "plan_proposed",
    "plan_failed",
  ]);
  expect(getTargets([], "blocked", { priority: "high" })).toEqual(CHAT_TARGETS);
  expect(getTargets([], "blocked", { priority: "medium" })).toEqual([]);
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
  const ofPriority = notificationRulesSchema.parse([{ events: ["project_created"], priorities: ["none"] }]);
  const rules = createNotificationRules(ofPriority, OUTBOX_CHAT);
  expect(rules.decide({ kind: "project_created" }, { project: PROJECT, at: "" }, "c")).toEqual([]);
});

test("a rule of several that match for one chat, the first one sends and names the notification", () => {
  const entries = notificationRulesSchema.parse([
    { name: "a", events: ["completed"] },
    { name: "b", events: ["completed"] },
    { events: ["completed"], chat: 7 },
  ]);
  const { facts } = createNotice(1);
  const actions = createNotificationRules(entries, OUTBOX_CHAT).decide({ kind: "completed" }, facts, "c");
  expect(actions.map(({ target, rule }) => [target, rule])).toEqual([
    [`telegram:${OUTBOX_CHAT}`, "a"],
    ["telegram:7", "notifications[2]"],
  ]);
});

test("the actor of an event is looked up only when a rule about the event needs it", () => {
  const rules = createNotificationRules(
    notificationRulesSchema.parse([{ events: ["started", "completed"], by: "people" }, { events: ["created"] }]),
    OUTBOX_CHAT,
  );
  expect(EVENT_KINDS.filter((kind) => rules.needsActor(createEvent(kind)))).toEqual(["started", "completed"]);
  expect(EVENT_KINDS.some((kind) => createNotificationRules([], OUTBOX_CHAT).needsActor(createEvent(kind)))).toBe(
    false,
  );
});

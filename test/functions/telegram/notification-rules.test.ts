import { expect, test } from "vitest";
import { createNotificationRules } from "../../../functions/telegram/rules.ts";
import { notificationRulesSchema } from "../../../shared/config/settings-file.ts";
import { type AnyEvent, EVENT_KINDS, type EventKind } from "../../../shared/task/events.ts";
import type { EventFacts } from "../../../shared/task/rule-set.ts";
import { createNotice, OUTBOX_CHAT, PROJECT } from "./outbox-setup.ts";

const AGENT = { id: "a", name: "Builder", isAgent: true };
const PERSON = { id: "p", name: "Ada", isAgent: false };

function createEvent(kind: EventKind): AnyEvent {
  switch (kind) {
    case "assigned":
    case "unassigned":
      return { kind, who: "someone" };
    case "renamed":
      return { kind, from: "old" };
    case "due":
      return { kind, from: null, to: "2026-12-03" };
    case "priority":
      return { kind, from: "low", to: "high" };
    case "comment_added":
    case "comment_edited":
      return { kind, comment: "comment-1", author: null };
    case "asked":
      return { kind, question: "q", agent: "Thot", text: "Which?", choices: [], urgency: "normal", reminder: 0 };
    case "answered":
      return { kind, question: "q", agent: "Thot", text: "This", by: "Ada" };
    case "critical":
      return { kind, comment: "comment-1", agent: "Thot", text: "The disk is full" };
    case "claim_lost":
      return { kind, agent: "Thot", why: "expired", since: "2026-11-21T10:00:00Z" };
    case "review":
      return { kind, request: "r1", agent: "Thot", confidence: 0.5, text: "Done, I think" };
    case "sent_back":
      return { kind, agent: "Thot", by: "Ada", reason: null };
    case "stuck":
      return { kind, blocker: "ONB-1", why: "cancelled" };
    case "circle":
      return { kind, path: ["ONB-1", "ONB-2", "ONB-1"] };
    case "addressed":
      return { kind, agent: "Thot", remark: "c1", by: "Ada", text: "Which one?" };
    case "failed":
      return { kind, agent: "Thot", text: "Plane refused it" };
    case "ticket":
      return {
        kind,
        ticket: "ONB-1",
        run: 1,
        from: "pending",
        state: "approved",
        reason: "approved",
        text: "",
        by: "Ada",
      };
    case "plan_proposed":
    case "plan_completed":
      return { kind, plan: "p1", agent: "Thot", title: "New site", request: "r1", hash: "h", tasks: 3 };
    case "plan_approved":
    case "plan_rejected":
      return { kind, plan: "p1", agent: "Thot", title: "New site", by: "Ada", reason: null };
    case "plan_failed":
      return { kind, plan: "p1", agent: "Thot", title: "New site", text: "Plane refused it" };
    default:
      return { kind };
  }
}

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

test("an action is a job in the chat's lane with the event, its facts and its correlation id", () => {
  const { facts } = createNotice(1);
  const [action, ...others] = createNotificationRules([], -100123).decide({ kind: "completed" }, facts, "webhook-7");
  expect(others).toEqual([]);
  expect(action).toEqual({
    target: "telegram:-100123",
    queue: "outbox",
    lane: "telegram:-100123",
    body: { type: "notification", chat: -100123, event: { kind: "completed" }, facts, correlation: "webhook-7" },
    rule: "completed tasks",
  });
});

test("a rule of the settings replaces the default rules", () => {
  expect(getTargets([{ events: ["started"] }], "started")).toEqual(CHAT_TARGETS);
  expect(getTargets([{ events: ["started"] }], "completed")).toEqual([]);
});

test("a rule with projects matches only those, ignoring case", () => {
  expect(getTargets([{ events: ["completed"], projects: ["onb"] }], "completed")).toEqual(CHAT_TARGETS);
  expect(getTargets([{ events: ["completed"], projects: ["WEB"] }], "completed")).toEqual([]);
});

test("a rule with labels matches a task that has one of them", () => {
  const entries = [{ events: ["completed"], labels: ["release", "bug"] }];
  expect(getTargets(entries, "completed", { labels: ["Bug"] })).toEqual(CHAT_TARGETS);
  expect(getTargets(entries, "completed", { labels: ["chore"] })).toEqual([]);
});

test("a rule with labels or priorities never matches a project", () => {
  const rules = createNotificationRules(
    notificationRulesSchema.parse([{ events: ["project_created"], priorities: ["none"] }]),
    OUTBOX_CHAT,
  );
  expect(rules.decide({ kind: "project_created" }, { project: PROJECT, at: "" }, "c")).toEqual([]);
});

test("a rule with a chat of its own sends there", () => {
  expect(getTargets([{ events: ["completed"], chat: "@crew_news" }], "completed")).toEqual(["telegram:@crew_news"]);
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

test("a rule without any chat sends nothing", () => {
  expect(createNotificationRules([], undefined).decide({ kind: "completed" }, createNotice(1).facts, "c")).toEqual([]);
});

const createRulesBy = (by: string) => [{ events: ["completed"], by }];
test.each([
  ["people", PERSON, true],
  ["people", AGENT, false],
  ["people", undefined, true],
  ["agents", AGENT, true],
  ["agents", PERSON, false],
  ["agents", undefined, false],
] as const)("the actor of an event for a rule by %s, an event by %o is sent: %s", (group, actor, isSent) => {
  expect(getTargets(createRulesBy(group), "completed", {}, actor)).toEqual(isSent ? CHAT_TARGETS : []);
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

test("a mute rule mutes what the default rules would send, and only that", () => {
  const entries = [{ events: ["completed"], projects: ["ONB"], mute: true }];
  expect(getTargets(entries, "completed")).toEqual([]);
  expect(getTargets(entries, "blocked", { priority: "urgent" })).toEqual(CHAT_TARGETS);
});

test("a mute rule applies at any position in the list", () => {
  const mute = { events: ["completed"], labels: ["chore"], mute: true };
  const send = { events: ["completed"] };
  expect(getTargets([mute, send], "completed", { labels: ["chore"] })).toEqual([]);
  expect(getTargets([send, mute], "completed", { labels: ["chore"] })).toEqual([]);
});

test("a mute rule with a chat mutes only that chat", () => {
  const entries = [
    { events: ["completed"] },
    { events: ["completed"], chat: 7 },
    { events: ["completed"], chat: 7, mute: true },
  ];
  expect(getTargets(entries, "completed")).toEqual(CHAT_TARGETS);
});

test("a mute rule: about agents does not mute an unknown actor", () => {
  const entries = [{ events: ["completed"], by: "agents", mute: true }];
  expect(getTargets(entries, "completed", {}, AGENT)).toEqual([]);
  expect(getTargets(entries, "completed")).toEqual(CHAT_TARGETS);
});

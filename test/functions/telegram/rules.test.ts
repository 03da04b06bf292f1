import { describe, expect, test } from "vitest";
import { notifyRules } from "../../../functions/telegram/rules.ts";
import { EVENT_KINDS, type Event, type EventKind, type Facts } from "../../../shared/task/events.ts";
import { notificationsSchema } from "../../../shared/telegram/notifications.ts";
import { CHAT, notice, PROJECT } from "./rig.ts";

const AGENT = { id: "a", name: "Builder", isAgent: true };
const PERSON = { id: "p", name: "Ada", isAgent: false };

function event(kind: EventKind): Event {
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
      return { kind, agent: "Thot", confidence: 0.5, text: "Done, I think" };
    case "sent_back":
      return { kind, agent: "Thot", by: "Ada", reason: null };
    case "stuck":
      return { kind, blocker: "ONB-1", why: "cancelled" };
    case "circle":
      return { kind, path: ["ONB-1", "ONB-2", "ONB-1"] };
    case "failed":
      return { kind, agent: "Thot", text: "Plane refused it" };
    default:
      return { kind };
  }
}

/** The targets a change would go to under these settings. */
function targets(
  entries: unknown,
  kind: EventKind,
  change: Partial<Facts["item"] & object> = {},
  actor?: Facts["actor"],
) {
  const rules = notifyRules(notificationsSchema.parse(entries), CHAT);
  const { facts } = notice(1, change);
  return rules.decide(event(kind), actor ? { ...facts, actor } : facts, "c").map(({ target }) => target);
}

const TOLD = [`telegram:${CHAT}`];

test("NOTIF-05: without rules only what matters is told: completions, critical blockers, projects, cycles, questions, reviews, trouble", () => {
  const told = EVENT_KINDS.filter((kind) => targets([], kind, { priority: "urgent" }).length > 0);
  expect(told).toEqual([
    "blocked",
    "completed",
    "project_created",
    "project_completed",
    "cycle_started",
    "cycle_completed",
    "asked",
    "critical",
    "claim_lost",
    "review",
    "stuck",
    "circle",
    "failed",
  ]);
  expect(targets([], "blocked", { priority: "high" })).toEqual(TOLD);
  expect(targets([], "blocked", { priority: "medium" })).toEqual([]);
});

test("an action is a job of the chat's lane that holds the event, its facts and where it came from", () => {
  const { facts } = notice(1);
  const [action, ...others] = notifyRules([], -100123).decide({ kind: "completed" }, facts, "webhook-7");
  expect(others).toEqual([]);
  expect(action).toEqual({
    target: "telegram:-100123",
    queue: "outbox",
    lane: "telegram:-100123",
    body: { event: { kind: "completed" }, facts, correlation: "webhook-7" },
    rule: "completed tasks",
  });
});

describe("an entry", () => {
  test("of the settings replaces the default ones", () => {
    expect(targets([{ events: ["started"] }], "started")).toEqual(TOLD);
    expect(targets([{ events: ["started"] }], "completed")).toEqual([]);
  });

  test("with projects fits only those, in any case", () => {
    expect(targets([{ events: ["completed"], projects: ["onb"] }], "completed")).toEqual(TOLD);
    expect(targets([{ events: ["completed"], projects: ["WEB"] }], "completed")).toEqual([]);
  });

  test("with labels fits a task that has one of them", () => {
    const entries = [{ events: ["completed"], labels: ["release", "bug"] }];
    expect(targets(entries, "completed", { labels: ["Bug"] })).toEqual(TOLD);
    expect(targets(entries, "completed", { labels: ["chore"] })).toEqual([]);
  });

  test("with labels or priorities never fits a project", () => {
    const rules = notifyRules(notificationsSchema.parse([{ events: ["project_created"], priorities: ["none"] }]), CHAT);
    expect(rules.decide({ kind: "project_created" }, { project: PROJECT, at: "" }, "c")).toEqual([]);
  });

  test("with a chat of its own goes there", () => {
    expect(targets([{ events: ["completed"], chat: "@crew_news" }], "completed")).toEqual(["telegram:@crew_news"]);
  });

  test("that fits twice for one chat tells it once, named after the first", () => {
    const entries = notificationsSchema.parse([
      { name: "a", events: ["completed"] },
      { name: "b", events: ["completed"] },
      { events: ["completed"], chat: 7 },
    ]);
    const { facts } = notice(1);
    const actions = notifyRules(entries, CHAT).decide({ kind: "completed" }, facts, "c");
    expect(actions.map(({ target, rule }) => [target, rule])).toEqual([
      [`telegram:${CHAT}`, "a"],
      ["telegram:7", "notifications[2]"],
    ]);
  });

  test("without a chat anywhere goes nowhere", () => {
    expect(notifyRules([], undefined).decide({ kind: "completed" }, notice(1).facts, "c")).toEqual([]);
  });
});

describe("who did it", () => {
  const by = (who: string) => [{ events: ["completed"], by: who }];
  test.each([
    ["people", PERSON, true],
    ["people", AGENT, false],
    ["people", undefined, true],
    ["agents", AGENT, true],
    ["agents", PERSON, false],
    ["agents", undefined, false],
  ] as const)("by %s, done by %o: told is %s", (who, actor, told) => {
    expect(targets(by(who), "completed", {}, actor)).toEqual(told ? TOLD : []);
  });

  test("is asked for only when a rule about that event needs it", () => {
    const rules = notifyRules(
      notificationsSchema.parse([{ events: ["started", "completed"], by: "people" }, { events: ["created"] }]),
      CHAT,
    );
    expect(EVENT_KINDS.filter((kind) => rules.needsActor(event(kind)))).toEqual(["started", "completed"]);
    expect(EVENT_KINDS.some((kind) => notifyRules([], CHAT).needsActor(event(kind)))).toBe(false);
  });
});

describe("a mute entry", () => {
  test("silences what the default rules would tell, and only that", () => {
    const entries = [{ events: ["completed"], projects: ["ONB"], mute: true }];
    expect(targets(entries, "completed")).toEqual([]);
    expect(targets(entries, "blocked", { priority: "urgent" })).toEqual(TOLD);
  });

  test("silences wherever it stands in the list", () => {
    const mute = { events: ["completed"], labels: ["chore"], mute: true };
    const tell = { events: ["completed"] };
    expect(targets([mute, tell], "completed", { labels: ["chore"] })).toEqual([]);
    expect(targets([tell, mute], "completed", { labels: ["chore"] })).toEqual([]);
  });

  test("with a chat silences only that chat", () => {
    const entries = [
      { events: ["completed"] },
      { events: ["completed"], chat: 7 },
      { events: ["completed"], chat: 7, mute: true },
    ];
    expect(targets(entries, "completed")).toEqual(TOLD);
  });

  test("about agents does not silence someone unknown", () => {
    const entries = [{ events: ["completed"], by: "agents", mute: true }];
    expect(targets(entries, "completed", {}, AGENT)).toEqual([]);
    expect(targets(entries, "completed")).toEqual(TOLD);
  });
});

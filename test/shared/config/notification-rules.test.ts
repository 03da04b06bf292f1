import { expect, test } from "vitest";
import { DEFAULT_NOTIFICATION_RULES, notificationRulesSchema } from "../../../shared/config/notification-rules.ts";

const getProblemPaths = (entry: unknown) =>
  notificationRulesSchema.safeParse([entry]).error?.issues.map(({ path }) => path[1]);

test("an entry needs events, and only those are needed", () => {
  expect(notificationRulesSchema.parse([{ events: ["completed"] }])).toEqual([
    { events: ["completed"], by: "anyone", mute: false },
  ]);
  expect(getProblemPaths({})).toEqual(["events"]);
  expect(getProblemPaths({ events: [] })).toEqual(["events"]);
});

test("a mistyped event, priority or name is a problem, not a rule that never fits", () => {
  expect(getProblemPaths({ events: ["complete"] })).toEqual(["events"]);
  expect(getProblemPaths({ events: ["blocked"], priorities: ["critical"] })).toEqual(["priorities"]);
  expect(getProblemPaths({ events: ["blocked"], project: ["ONB"] })).toHaveLength(1);
  expect(getProblemPaths({ events: ["blocked"], by: "robots" })).toEqual(["by"]);
});

test("dependency_blocked and dependency_cycle are other names of the events stuck and circle", () => {
  const readEvents = (...events: string[]) => notificationRulesSchema.parse([{ events }])[0]?.events;
  expect(readEvents("dependency_blocked", "dependency_cycle")).toEqual(["stuck", "circle"]);
  expect(readEvents("stuck", "circle")).toEqual(["stuck", "circle"]);
});

test("a chat is a number or @name", () => {
  const chat = (value: unknown) => notificationRulesSchema.safeParse([{ events: ["completed"], chat: value }]).success;
  expect([-100123, "@crew_news"].map(chat)).toEqual([true, true]);
  expect(["crew", "-100123", 1.5, "@a b", ""].map(chat)).toEqual([false, false, false, false, false]);
});

test("the default entries are entries people could have written", () => {
  expect(notificationRulesSchema.parse(DEFAULT_NOTIFICATION_RULES)).toEqual(DEFAULT_NOTIFICATION_RULES);
});

import { expect, test } from "vitest";
import { DEFAULT_NOTIFICATIONS, notificationsSchema } from "../../../shared/telegram/notifications.ts";

const problems = (entry: unknown) => notificationsSchema.safeParse([entry]).error?.issues.map(({ path }) => path[1]);

test("an entry needs events, and only those are needed", () => {
  expect(notificationsSchema.parse([{ events: ["completed"] }])).toEqual([
    { events: ["completed"], by: "anyone", mute: false },
  ]);
  expect(problems({})).toEqual(["events"]);
  expect(problems({ events: [] })).toEqual(["events"]);
});

test("a mistyped event, priority or name is a problem, not a rule that never fits", () => {
  expect(problems({ events: ["complete"] })).toEqual(["events"]);
  expect(problems({ events: ["blocked"], priorities: ["critical"] })).toEqual(["priorities"]);
  expect(problems({ events: ["blocked"], project: ["ONB"] })).toHaveLength(1);
  expect(problems({ events: ["blocked"], by: "robots" })).toEqual(["by"]);
});

test("a chat is a number or @name", () => {
  const chat = (value: unknown) => notificationsSchema.safeParse([{ events: ["completed"], chat: value }]).success;
  expect([-100123, "@crew_news"].map(chat)).toEqual([true, true]);
  expect(["crew", "-100123", 1.5, "@a b", ""].map(chat)).toEqual([false, false, false, false, false]);
});

test("the default entries are entries people could have written", () => {
  expect(notificationsSchema.parse(DEFAULT_NOTIFICATIONS)).toEqual(DEFAULT_NOTIFICATIONS);
});

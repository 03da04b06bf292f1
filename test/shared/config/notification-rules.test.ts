import { expect, test } from "vitest";
import { notificationRulesSchema } from "../../../shared/config/settings-file.ts";

const getProblemPaths = (entry: unknown) =>
  notificationRulesSchema.safeParse([entry]).error?.issues.map(({ path }) => path[1]);

test("an unknown event, priority or field in a notification rule is refused", () => {
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

import { expect, test } from "vitest";
import { findNearestName } from "../../shared/names.ts";

const COMMANDS = ["status", "statut", "task", "tasks", "new", "add", "approve", "ok", "unblock", "help", "mute", "?"];
const SETTINGS = ["PLANE_URL", "PLANE_API_KEY", "TELEGRAM_BOT_TOKEN", "GROUNDCREW_CONFIG"];

test.each([
  ["aprove", "approve"],
  ["approuve", "approve"],
  ["stauts", "status"],
  ["satus", "status"],
  ["STATUSS", "status"],
  ["tsak", "task"],
  ["tsk", "task"],
  ["nwe", "new"],
  ["hlep", "help"],
  ["hekp", "help"],
  ["unblcok", "unblock"],
])("the mistyped command %s means %s", (input, name) => expect(findNearestName(input, COMMANDS)).toBe(name));

test.each([
  "foo",
  "bar",
  "hi",
  "oh",
  "yes",
  "no",
  "hello",
  "thanks",
  "please",
  "start",
  "stop",
  "weather",
  "merci",
  "",
])("the word %j means no command", (input) => expect(findNearestName(input, COMMANDS)).toBeUndefined());

test.each([
  ["PLANE_ULR", "PLANE_URL"],
  ["GROUNDCREW_CONFG", "GROUNDCREW_CONFIG"],
  ["TELEGRAM_TOKEN", "TELEGRAM_BOT_TOKEN"],
  ["PLANE_FOO", undefined],
])("the mistyped setting %s means %s", (input, name) => expect(findNearestName(input, SETTINGS)).toBe(name));

test("the name with the fewest typing errors is nearest, and the first of equal ones", () => {
  expect(findNearestName("tasl", ["tasks", "task"])).toBe("task");
  expect(findNearestName("xotes", ["notes", "votes"])).toBe("notes");
});

test("a name with a suffix means the longest name that is its prefix", () => {
  expect(findNearestName("task_id", ["task", "title"])).toBe("task");
  expect(findNearestName("project_name_long", ["project", "project_name"])).toBe("project_name");
  expect(findNearestName("newspaper", ["new"])).toBeUndefined();
});

import { expect, test } from "vitest";
import { findNearestName } from "../../shared/names.ts";

const COMMANDS = ["status", "statut", "task", "tasks", "new", "add", "approve", "ok", "unblock", "help", "mute", "?"];
const SETTINGS = ["PLANE_URL", "PLANE_API_KEY", "TELEGRAM_BOT_TOKEN", "GROUNDCREW_CONFIG"];

test("a mistyped command or setting means the nearest one, and other words mean none", () => {
  const meant = {
    approve: ["aprove", "approuve"],
    status: ["stauts", "satus", "STATUSS"],
    task: ["tsak", "tsk"],
    new: ["nwe"],
    help: ["hlep", "hekp"],
    unblock: ["unblcok"],
  };
  for (const [name, inputs] of Object.entries(meant))
    for (const input of inputs) expect(findNearestName(input, COMMANDS), input).toBe(name);
  const others = "foo bar hi oh yes no hello thanks please start stop weather merci".split(" ");
  for (const input of [...others, ""]) expect(findNearestName(input, COMMANDS), input).toBeUndefined();
  const settings = {
    PLANE_ULR: "PLANE_URL",
    GROUNDCREW_CONFG: "GROUNDCREW_CONFIG",
    TELEGRAM_TOKEN: "TELEGRAM_BOT_TOKEN",
  };
  for (const [input, name] of Object.entries(settings)) expect(findNearestName(input, SETTINGS)).toBe(name);
  expect(findNearestName("PLANE_FOO", SETTINGS)).toBeUndefined();
});

test("the name with the fewest typing errors is nearest, and the first of equal ones", () => {
  expect(findNearestName("tasl", ["tasks", "task"])).toBe("task");
  expect(findNearestName("xotes", ["notes", "votes"])).toBe("notes");
});

test("a name with a suffix means the longest name that is its prefix", () => {
  expect(findNearestName("task_id", ["task", "title"])).toBe("task");
  expect(findNearestName("project_name_long", ["project", "project_name"])).toBe("project_name");
  expect(findNearestName("newspaper", ["new"])).toBeUndefined();
});

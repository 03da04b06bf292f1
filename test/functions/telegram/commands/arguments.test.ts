import { expect, test } from "vitest";
import {
  parseBareText,
  parseCommand,
  parseDueDate,
  splitFirstArgument,
} from "../../../../functions/telegram/commands/arguments.ts";
import { parseMuteDuration } from "../../../../functions/telegram/commands/mute.ts";

test("a command in a group begins with /plane or names the bot; in a private chat it begins with a slash", () => {
  const groupTexts: Record<string, object> = {
    "  /PLANE   task   ONB-1  ": { word: "task", args: "ONB-1" },
    "/plane@groundcrew_bot task ONB-1": { word: "task", args: "ONB-1", bot: "groundcrew_bot" },
    "/plane new ONB one\ntwo": { word: "new", args: "ONB one\ntwo" },
    "/plane": { word: "help", args: "" },
    "/status@groundcrew_bot": { word: "status", args: "", bot: "groundcrew_bot" },
  };
  const privateTexts: Record<string, object> = {
    "/task ONB-1": { word: "task", args: "ONB-1" },
    "/état": { word: "état", args: "" },
    "/start abc": { word: "help", args: "" },
  };
  for (const [text, command] of Object.entries(groupTexts)) expect(parseCommand(text, false), text).toEqual(command);
  for (const [text, command] of Object.entries(privateTexts)) expect(parseCommand(text, true), text).toEqual(command);
  for (const text of ["plane status", "status", "/help", "/start", "/planet x", "say /plane status", "", "/"])
    expect(parseCommand(text, false), text).toBeUndefined();
  for (const text of ["status", "plane task ONB-1", "   ", "/", "/etc/passwd is broken", "see /status"])
    expect(parseCommand(text, true), text).toBeUndefined();
  expect(parseBareText("plane task ONB-1")).toEqual({ word: "task", args: "ONB-1" });
});

test("the first argument may have quotation marks of any kind", () => {
  for (const [args, first, rest] of [
    ["ONB-1 because", "ONB-1", "because"],
    ['"the mail" because', "the mail", "because"],
    ["«\u00a0le courriel\u00a0» parce que", "le courriel", "parce que"],
    ['"open', '"open', ""],
  ] as const)
    expect(splitFirstArgument(args)).toMatchObject({ first, rest });
});

test("a mute has a duration in English or French, of a year at most", () => {
  const durations: Record<string, number | undefined> = {
    ...{ "30m": 1_800_000, "3 d": 259_200_000, "1 semaine": 604_800_000, "pendant 3j": 259_200_000 },
    ...{ "99999d": 366 * 86_400_000, "0h": undefined, soon: undefined, "2": undefined, "-2h": undefined },
  };
  for (const [text, ms] of Object.entries(durations)) expect(parseMuteDuration(text), text).toBe(ms);
});

test("a due date is a date, a weekday, words or a distance, and 01/12/2026 is read day first in French only", () => {
  // A Sunday.
  const today = "2026-11-22";
  const dates: Record<string, string[]> = {
    "2026-11-22": ["today", "aujourd’hui"],
    "2026-11-23": ["Tomorrow", "demain", "lun"],
    "2026-11-24": ["après-demain", "the day after tomorrow"],
    "2026-11-25": ["in 3 days", "3j"],
    "2026-11-27": ["friday", "this friday", "vendredi"],
    "2026-11-29": ["sunday", "in a week", "dans une semaine"],
    "2026-12-01": ["2026-12-01", "1.12.2026"],
  };
  for (const [date, texts] of Object.entries(dates))
    for (const text of texts) expect(parseDueDate(text, today, "en"), text).toBe(date);
  for (const text of ["-", "aucune"]) expect(parseDueDate(text, today, "en"), text).toBeNull();
  for (const text of ["2026-02-30", "31.11.2026", "soon", "", "next friday", "01/12/2026"])
    expect(parseDueDate(text, today, "en"), text).toBeUndefined();
  expect(parseDueDate("01/12/2026", today, "fr")).toBe("2026-12-01");
});

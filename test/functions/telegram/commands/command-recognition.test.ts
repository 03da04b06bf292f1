import { expect, test } from "vitest";
import {
  matchByName,
  normalizeName,
  parseBareText,
  parseCommand,
  splitFirstArgument,
  stripQuotes,
} from "../../../../functions/telegram/commands/arguments.ts";
import { parseMuteDuration } from "../../../../functions/telegram/commands/mute.ts";

test("a command in a group begins with /plane or names the bot; in a private chat it begins with a slash", () => {
  const groupTexts: Record<string, object> = {
    "/plane status": { word: "status", args: "" },
    "  /PLANE   task   ONB-1  ": { word: "task", args: "ONB-1" },
    "/plane@groundcrew_bot task ONB-1": { word: "task", args: "ONB-1", bot: "groundcrew_bot" },
    "/plane new ONB one\ntwo": { word: "new", args: "ONB one\ntwo" },
    "/plane": { word: "help", args: "" },
    "/help@groundcrew_bot": { word: "help", args: "", bot: "groundcrew_bot" },
    "/status@groundcrew_bot": { word: "status", args: "", bot: "groundcrew_bot" },
  };
  const privateTexts: Record<string, object> = {
    "/task ONB-1": { word: "task", args: "ONB-1" },
    "/état": { word: "état", args: "" },
    "/new ONB one\ntwo": { word: "new", args: "ONB one\ntwo" },
    "/weather": { word: "weather", args: "" },
    "/start abc": { word: "help", args: "" },
  };
  for (const [text, command] of Object.entries(groupTexts)) expect(parseCommand(text, false), text).toEqual(command);
  for (const [text, command] of Object.entries(privateTexts)) expect(parseCommand(text, true), text).toEqual(command);
  for (const text of ["plane status", "status", "/help", "/start", "/planet x", "say /plane status", "", "/"])
    expect(parseCommand(text, false), text).toBeUndefined();
  for (const text of ["status", "plane task ONB-1", "   ", "/", "/etc/passwd is broken", "see /status"])
    expect(parseCommand(text, true), text).toBeUndefined();
  expect(parseBareText("plane task ONB-1")).toEqual({ word: "task", args: "ONB-1" });
  expect(parseBareText("  Plane")).toEqual({ word: "help", args: "" });
});

test.each([
  ["ONB-1 because", { first: "ONB-1", rest: "because", quoted: false }],
  ['"the mail" because', { first: "the mail", rest: "because", quoted: true }],
  ["«\u00a0le courriel\u00a0» parce que", { first: "le courriel", rest: "parce que", quoted: true }],
  ["“the mail”", { first: "the mail", rest: "", quoted: true }],
  ['"open', { first: '"open', rest: "", quoted: false }],
  ["", { first: "", rest: "", quoted: false }],
])("the first of %j", (args, parts) => expect(splitFirstArgument(args)).toEqual(parts));

test("quotation marks around a whole text are removed", () => {
  expect(['"a b"', "« a »", "“a”", "a"].map(stripQuotes)).toEqual(["a b", "a", "a", "a"]);
});

const find = (input: string, names: string[]) => matchByName(input, names, (name) => [name]);

test("matching a name ignores accents, case and extra blanks", () => {
  expect(normalizeName("  Équipe\n PRODUIT ")).toBe("equipe produit");
  expect(find("EQUIPE produit", ["Équipe Produit"])).toEqual({
    kind: "one",
    candidate: "Équipe Produit",
    isExact: true,
  });
});

test("matching a name prefers whole names to beginnings of words, and these to parts", () => {
  expect(find("mail", ["Mail", "Mail to Ada"])).toMatchObject({ candidate: "Mail", isExact: true });
  expect(find("ada", ["Mail to Ada", "Canada"])).toMatchObject({ candidate: "Mail to Ada", isExact: false });
  expect(find("nad", ["Mail to Ada", "Canada"])).toMatchObject({ candidate: "Canada", isExact: false });
});

test("matching a name returns all of several matches; without a match, the most similar name", () => {
  expect(find("mail", ["Mail 1", "Mail 2"])).toEqual({ kind: "several", candidates: ["Mail 1", "Mail 2"] });
  expect(find("Imotep", ["Imhotep", "Thot"])).toEqual({ kind: "none", nearest: "Imhotep" });
  expect(find("Cleopatra", ["Imhotep", "Thot"])).toEqual({ kind: "none" });
  expect(find("", ["Imhotep"])).toEqual({ kind: "none" });
});

test.each([
  ["30m", 1_800_000],
  ["2h", 7_200_000],
  ["3 d", 259_200_000],
  ["3j", 259_200_000],
  ["1 semaine", 604_800_000],
  ["for 2h", 7_200_000],
  ["pendant 3j", 259_200_000],
  ["99999d", 366 * 86_400_000],
  ["0h", undefined],
  ["soon", undefined],
  ["2", undefined],
  ["-2h", undefined],
])("the mute duration %j is parsed", (text, ms) => expect(parseMuteDuration(text)).toBe(ms));

import { expect, test } from "vitest";
import { identifierSchema, parseTaskKey, taskKeySchema } from "../../shared/names.ts";

test.each([
  ["ONB-12", "ONB-12", "ONB", 12],
  [" onb-12\n", "ONB-12", "ONB", 12],
  ["öko_2-15", "ÖKO_2-15", "ÖKO_2", 15],
  ["O\u0308ko_2-15", "ÖKO_2-15", "ÖKO_2", 15],
  ["项目1-7", "项目1-7", "项目1", 7],
] as const)("%j is a task's key", (text, key, identifier, number) => {
  expect(parseTaskKey(text)).toEqual({ key, identifier, number });
});

test.each([
  "",
  "../x",
  "ONB-0",
  "ONB-01",
  "ONB-1/..",
  "onb 1",
  "-1",
  "ONB",
  "A".repeat(13).concat("-1"),
  "O\0B-1",
  "ON:B-1",
])("%j is no task's key", (text) => {
  expect(parseTaskKey(text)).toBeUndefined();
});

test.each(["ONB-12\n", " ONB-12", "ONB-1.", "ONB-1/.."])("%j is not sent as a key between programs", (text) => {
  expect(taskKeySchema.safeParse(text).success).toBe(false);
});

test("an identifier of the settings is in upper case, as Plane keeps it", () => {
  expect(identifierSchema.parse("öko_2")).toBe("ÖKO_2");
});

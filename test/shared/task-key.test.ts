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

test("other texts are no task's key, and a key is not sent with anything around it", () => {
  const wrong = ["", "../x", "ONB-0", "ONB-01", "ONB-1/..", "onb 1", "-1", "ONB", "O\0B-1", "ON:B-1"];
  for (const text of [...wrong, `${"A".repeat(13)}-1`]) expect(parseTaskKey(text), text).toBeUndefined();
  for (const text of ["ONB-12\n", " ONB-12", "ONB-1.", "ONB-1/.."])
    expect(taskKeySchema.safeParse(text).success, text).toBe(false);
});

test("an identifier of the settings is in upper case, as Plane keeps it", () => {
  expect(identifierSchema.parse("öko_2")).toBe("ÖKO_2");
});

import { expect, test } from "vitest";
import { keepDefined } from "../../shared/omit-undefined.ts";

test("keepDefined omits undefined values and keeps the others in order", () => {
  expect(keepDefined(["a", undefined, "", undefined, "b"])).toEqual(["a", "", "b"]);
  expect(keepDefined([0, undefined, null, false])).toEqual([0, null, false]);
});

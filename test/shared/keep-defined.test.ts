import { expect, test } from "vitest";
import { keepDefined } from "../../shared/keep-defined.ts";

test("keepDefined leaves out what is undefined and keeps everything else in its order", () => {
  expect(keepDefined(["a", undefined, "", undefined, "b"])).toEqual(["a", "", "b"]);
  expect(keepDefined([0, undefined, null, false])).toEqual([0, null, false]);
});

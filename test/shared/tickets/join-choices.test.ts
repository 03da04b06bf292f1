import fc from "fast-check";
import { expect, test } from "vitest";
import { joinChoices, splitChoices } from "../../../shared/task/request.ts";
import { cleanLine } from "../../../shared/text.ts";

/** Labels as a question has them, with what separates and quotes choices. */
const label = fc
  .array(fc.constantFrom("a", "b", ",", ", ", '"', "\\", " "), { minLength: 1, maxLength: 6 })
  .map((parts) => cleanLine(parts.join(""), 200))
  .filter((text) => text !== "");

test("Chosen options are found again in the answer that they are joined to, whatever their labels are", () => {
  const choice = fc
    .uniqueArray(label, { minLength: 1, maxLength: 4 })
    .chain((options) => fc.tuple(fc.constant(options), fc.subarray(options.map((_, i) => i))));
  fc.assert(
    fc.property(choice, ([options, chosen]) => {
      const answer = joinChoices(chosen.map((index) => options[index] ?? ""));
      expect(splitChoices(options, answer)).toEqual({ chosen, rest: "" });
    }),
    { numRuns: 5_000 },
  );
});

test("A text of one's own after chosen options is kept as it is, and one before them makes all of it that text", () => {
  const options = ["Red", "Red wine", "x, y"];
  expect(splitChoices(options, 'Red wine, "x, y", Red wine, and more, too')).toEqual({
    chosen: [1, 2],
    rest: "and more, too",
  });
  expect(splitChoices(options, "Redder, Red")).toEqual({ chosen: [], rest: "Redder, Red" });
});

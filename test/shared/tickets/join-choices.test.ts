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

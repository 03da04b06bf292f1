import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { createConfirmPrompt } from "../../../runtime/node/process.ts";

function askWithInput(typed: string) {
  const input = new PassThrough();
  const answer = createConfirmPrompt(input, new PassThrough())("Do this?");
  input.end(typed);
  return answer;
}

test.each([
  ["y\n", true],
  [" Oui \n", true],
  ["n\n", false],
  ["\n", false],
  ["yes please\n", false],
  ["", false],
])("the confirmation prompt takes the input %j for %s", async (typed, answer) => {
  expect(await askWithInput(typed)).toBe(answer);
});

import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { askOn } from "../../../runtime/provision/ask.ts";

function asked(typed: string) {
  const input = new PassThrough();
  const answer = askOn(input, new PassThrough())("Do this?");
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
])("%j is %s; the end of the input is an answer, too", async (typed, answer) => {
  expect(await asked(typed)).toBe(answer);
});

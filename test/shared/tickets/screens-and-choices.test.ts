import fc from "fast-check";
import { expect, test } from "vitest";
import { cleanScreen } from "../../../shared/app/terminals.ts";
import { joinChoices, splitChoices } from "../../../shared/task/request.ts";
import { cleanLine } from "../../../shared/text.ts";

const ESC = "\u001b";

test("a picture keeps its text, its lines and its colours", () => {
  const screen = `${ESC}[1;31mred${ESC}[39m é 😀\n${ESC}[38;2;1;2;3m${ESC}[4:3mcurly${ESC}[0m`;
  expect(cleanScreen(screen, 2)).toBe(screen);
});

test.each([
  ["a title", `${ESC}]0;title\u0007`],
  ["a title that ends with ST", `${ESC}]2;title${ESC}\\`],
  ["a write to the clipboard", `${ESC}]52;c;cm0gLXJmIC8=\u0007`],
  ["a request for the clipboard", `${ESC}]52;c;?\u0007`],
  ["the begin of a link", `${ESC}]8;;https://evil.example/${ESC}\\`],
  ["a request for colours", `${ESC}]11;?${ESC}\\`],
  ["a request for the device's attributes", `${ESC}[c`],
  ["a request for the cursor's place", `${ESC}[6n`],
  ["a request for the window's title", `${ESC}[21t`],
  ["a request for a setting (DECRQSS)", `${ESC}P$qm${ESC}\\`],
  ["an image (sixel)", `${ESC}Pq#0;2;0;0;0~~${ESC}\\`],
  ["an application command", `${ESC}_Gf=100;AAAA${ESC}\\`],
  ["a move of the cursor", `${ESC}[2J${ESC}[H${ESC}[5;5H`],
  ["a mode", `${ESC}[?1049h${ESC}[?1000h${ESC}=`],
  ["a reset of the terminal", `${ESC}c`],
  ["the 8-bit forms", "\u009d0;title\u009c\u009b6n\u0090q~\u009c"],
  ["controls", "\u0000\u0007\u0008\u000b\u000c\r\u007f\u0085\u2028"],
  ["characters that reorder text", "\u202e\u2066\u200f"],
  ["a style that is longer than any real one", `${ESC}[${"1;".repeat(40)}m`],
])("%s is removed from a picture", (_name, sequence) => {
  expect(cleanScreen(`a${sequence}b`, 1)).toBe("ab");
});

test("what is left of an unfinished sequence is text without an escape character", () => {
  for (const rest of [`${ESC}`, `${ESC}[`, `${ESC}[12`, `${ESC}]52;c;abc`, `${ESC}P`])
    expect(cleanScreen(`a${rest}`, 1)).toMatch(/^a[ -~]*$/);
  expect(cleanScreen(`${ESC}${ESC}[31m[6n`, 1)).toBe(`${ESC}[31m[6n`);
});

test("a sequence cannot be put together from the parts around one that is removed", () => {
  for (const screen of [
    `${ESC}${ESC}[c[6n`,
    `${ESC}]${ESC}[c52;c;?\u0007`,
    `${ESC}[${ESC}]0;x\u00076n`,
    `\u009b\u000731n`,
  ])
    expect(cleanScreen(screen, 1)).not.toMatch(/\p{Cc}/u);
});

test("a picture of a million characters that look like the begin of a sequence is cleaned quickly", () => {
  const before = performance.now();
  for (const piece of [`${ESC}[`, `${ESC}]`, `${ESC}[0;`, `${ESC} `, "\u009d"]) cleanScreen(piece.repeat(60_000), 40);
  expect(performance.now() - before).toBeLessThan(5_000);
});

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

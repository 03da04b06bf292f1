import { expect, test } from "vitest";
import { cleanLine, cleanText } from "../../shared/text.ts";

const HOSTILE = "a\u0000b\u001b[31mc\u202ed\u2066e\u200bf\ud800g";

test("a cleaned line has no control characters, no characters that reorder or hide text, and no line ends", () => {
  expect(cleanLine(`${HOSTILE}\r\nh\ti`, 100)).toBe("a b [31mcdef\ufffdg h i");
});

test("a cleaned text keeps its line breaks and tabs, but no other control characters", () => {
  expect(cleanText(`${HOSTILE}\r\nh\ti\u2028j\u0085k\rl`, 100)).toBe("ab[31mcdef\ufffdg\nh\ti\nj\nk\nl");
});

test("a text that is too long is truncated between characters and ends in an ellipsis", () => {
  for (const cut of [cleanLine, cleanText]) {
    expect(cut("12345", 5)).toBe("12345");
    expect(cut("123456", 5)).toBe("1234…");
    expect(cut("123😀6", 5)).toBe("123…");
  }
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { withFound } from "../../../demo/telegram/found.ts";
import { cleaned } from "../../../shared/clean.ts";
import { data } from "../../../shared/telegram/data.ts";

const shown = (text: string) => data(text).text.replaceAll("\u2060", "");

test.each([
  ["a\nb\r\nc\td\u2028e", "a b c d e"],
  ["\u0000\u001b[31mred\u0007", "[31mred"],
  ["\u202egnp.exe\u202c", "gnp.exe"],
  ["\u2066a\u2069\u200eb\u200fc\u061c", "abc"],
  ["a\ufeff\u200bb\u00ad", "ab"],
  ["  a   b  ", "a b"],
  ["\ud83d half \udc00", "\ufffd half \ufffd"],
  ["<b>x</b> _*[`$(id)`", "<b>x</b> _*[`$(id)`"],
  ["👩‍👩‍👧‍👦 é", "👩‍👩‍👧‍👦 é"],
])("%j is shown as %j", (given, expected) => {
  expect(shown(given)).toBe(expected);
});

test("a text over the limit ends in an ellipsis, and no pair is split", () => {
  expect(cleaned("abcdef", 4)).toBe("abc…");
  expect(cleaned("ab😀cd", 4)).toBe("ab…");
  expect(cleaned("abcd", 4)).toBe("abcd");
});

test.each([
  "https://evil.example/x",
  "evil.com",
  "@durov",
  "#tag",
  "#·tag",
  "#\u200ctag",
  "$USD",
  "/start",
  "a@b.example",
  "1.2.3.4",
  "tg://x",
])("Telegram finds nothing in %s", (text) => {
  expect(withFound(text, [])).not.toEqual([]);
  expect(withFound(data(text).text, [])).toEqual([]);
  expect(shown(text)).toBe(text);
});

test("cleaning is done once: cleaning again changes nothing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const once = cleaned(text, 200);
      expect(cleaned(once, 200)).toBe(once);
    }),
  );
});

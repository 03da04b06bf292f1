import fc from "fast-check";
import { expect, test } from "vitest";
import { toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { addDetectedEntities } from "../../../simulators/telegram/detect-entities.ts";

const renderData = (text: string) => toSafeText(text).text.replaceAll("\u2060", "");

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
])("the text %j is shown as %j", (text, expected) => {
  expect(renderData(text)).toBe(expected);
});

test("a text over the limit ends in an ellipsis, and no surrogate pair is split", () => {
  expect(cleanLine("abcdef", 4)).toBe("abc…");
  expect(cleanLine("ab😀cd", 4)).toBe("ab…");
  expect(cleanLine("abcd", 4)).toBe("abcd");
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
])("Telegram detects no entity in %s", (text) => {
  expect(addDetectedEntities(text, [])).not.toEqual([]);
  expect(addDetectedEntities(toSafeText(text).text, [])).toEqual([]);
  expect(renderData(text)).toBe(text);
});

test("cleaning a clean text changes nothing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const once = cleanLine(text, 200);
      expect(cleanLine(once, 200)).toBe(once);
    }),
  );
});

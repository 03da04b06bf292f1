import fc from "fast-check";
import { expect, test } from "vitest";
import {
  joinRichText,
  type RichText,
  toBold,
  toCode,
  toLink,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { addDetectedEntities } from "../../../simulators/telegram/detect-entities.ts";

const ORIGINS = ["https://plane.example.com", "http://127.0.0.1:8787"];
const toEntityTexts = ({ text, entities }: RichText) =>
  entities.map(({ type, offset, length }) => [type, text.slice(offset, offset + length)]);
const renderData = (text: string) => toSafeText(text).text.replaceAll("\u2060", "");

test("joined parts keep their entities, counted in UTF-16 units", () => {
  const joined = joinRichText(
    ["✅ 👩‍👩‍👧‍👦 ", toBold("héllo"), " ", toCode("x"), toLink("ONB-1", `${ORIGINS[0]}/x`, ORIGINS)],
    "|",
  );
  expect(toEntityTexts(joined).join(" ")).toBe("bold,héllo code,x text_link,ONB-1");
});

test("a link is a link only to Plane or our own page, at an address that Telegram accepts in links", () => {
  for (const url of [
    ...["https://evil.example/", "https://plane.example.com.evil.example/", "https://plane.example.com:8443/"],
    ...["http://plane.example.com/", "javascript:alert(1)", "tg://resolve?domain=x", "not a url", ""],
  ])
    expect(toLink("x", url, ORIGINS), url).toEqual(toPlainText("x"));
  // Telegram refuses messages with links to a host without a dot.
  for (const origin of ["http://localhost:8080", "http://plane"])
    expect(toLink("x", `${origin}/javisi/browse/ONB-1/`, [origin])).toEqual(toPlainText("x"));
  for (const origin of [...ORIGINS, "http://192.168.1.4:8080", "http://[::1]:8080"])
    expect(toLink("x", `${origin}/tasks?a=1#b`, [origin]).entities).toEqual([
      { type: "text_link", offset: 0, length: 1, url: `${origin}/tasks?a=1#b` },
    ]);
  expect([toBold("").entities, toLink("", `${ORIGINS[0]}/`, ORIGINS).entities]).toEqual([[], []]);
});

test("truncating a text splits neither a surrogate pair nor an entity, and keeps all of it in bounds", () => {
  const text = toPlainText("a".repeat(4_096));
  expect(truncateRichText(text)).toBe(text);
  expect(truncateRichText(toPlainText("a".repeat(4_097))).text).toBe(`${"a".repeat(4_095)}…`);
  expect([4, 5].map((limit) => truncateRichText(toPlainText("😀😀😀"), limit).text)).toEqual(["😀…", "😀😀…"]);
  const rich = joinRichText([toBold("one"), " ", toBold("two and more")]);
  expect(truncateRichText(rich, 8)).toEqual({ text: "one…", entities: [{ type: "bold", offset: 0, length: 3 }] });
  const part = fc
    .tuple(fc.string({ unit: "grapheme", maxLength: 20 }), fc.boolean())
    .map(([text, isBold]) => (isBold ? toBold(text) : toPlainText(text)));
  fc.assert(
    fc.property(fc.array(part), fc.integer({ min: 1, max: 120 }), (parts, limit) => {
      const untruncated = joinRichText(parts);
      const truncated = truncateRichText(untruncated, limit);
      expect(truncated.text.length).toBeLessThanOrEqual(limit);
      expect(truncated.text.isWellFormed()).toBe(true);
      for (const [index, part] of toEntityTexts(truncated).entries())
        expect(part).toEqual(toEntityTexts(untruncated)[index]);
    }),
  );
});

test("a text of others is one line without control characters and marks that reorder it, and otherwise as it is", () => {
  for (const [text, expected] of [
    ["a\nb\r\nc\td\u2028e", "a b c d e"],
    ["\u0000\u001b[31mred\u0007", "[31mred"],
    ["\u202egnp.exe\u202c", "gnp.exe"],
    ["\u2066a\u2069\u200eb\u200fc\u061c", "abc"],
    ["a\ufeff\u200bb\u00ad", "ab"],
    ["\ud83d half \udc00", "\ufffd half \ufffd"],
    ["<b>x</b> _*[`$(id)`", "<b>x</b> _*[`$(id)`"],
    ["👩‍👩‍👧‍👦 é", "👩‍👩‍👧‍👦 é"],
  ] as const)
    expect(renderData(text)).toBe(expected);
  expect(["abcdef", "ab😀cd", "abcd"].map((text) => cleanLine(text, 4))).toEqual(["abc…", "ab…", "abcd"]);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const once = cleanLine(text, 200);
      expect(cleanLine(once, 200)).toBe(once);
    }),
  );
});

test("Telegram detects no link, name, tag, amount, command or address in a text of others", () => {
  for (const text of [
    ...["https://evil.example/x", "evil.com", "@durov", "#tag", "#·tag", "#\u200ctag", "$USD", "/start", "a@b.example"],
    ...["1.2.3.4", "tg://x"],
  ]) {
    expect(addDetectedEntities(text, []), text).not.toEqual([]);
    expect(addDetectedEntities(toSafeText(text).text, []), text).toEqual([]);
    expect(renderData(text)).toBe(text);
  }
});

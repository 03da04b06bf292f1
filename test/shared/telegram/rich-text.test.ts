import fc from "fast-check";
import { expect, test } from "vitest";
import {
  joinRichText,
  type RichText,
  toBold,
  toCode,
  toLink,
  toPlainText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";

const ORIGINS = ["https://plane.example.com", "http://127.0.0.1:8787"];
const toEntityTexts = ({ text, entities }: RichText) =>
  entities.map(({ type, offset, length }) => [type, text.slice(offset, offset + length)]);

test("joined parts keep their entities, counted in UTF-16 units", () => {
  const joined = joinRichText(
    ["✅ 👩‍👩‍👧‍👦 ", toBold("héllo"), " ", toCode("x"), toLink("ONB-1", `${ORIGINS[0]}/x`, ORIGINS)],
    "|",
  );
  expect(toEntityTexts(joined)).toEqual([
    ["bold", "héllo"],
    ["code", "x"],
    ["text_link", "ONB-1"],
  ]);
});

test("an empty text has no entity", () => {
  expect(toBold("").entities).toEqual([]);
  expect(toLink("", `${ORIGINS[0]}/`, ORIGINS).entities).toEqual([]);
});

test.each([
  "https://evil.example/",
  "https://plane.example.com.evil.example/",
  "https://plane.example.com:8443/",
  "http://plane.example.com/",
  "javascript:alert(1)",
  "tg://resolve?domain=x",
  "not a url",
  "",
])("a link to %j is only its text", (url) => {
  expect(toLink("x", url, ORIGINS)).toEqual(toPlainText("x"));
});

test("a link to Plane or to our own page stays a link", () => {
  expect(toLink("x", "http://127.0.0.1:8787/tasks?a=1#b", ORIGINS).entities).toEqual([
    { type: "text_link", offset: 0, length: 1, url: "http://127.0.0.1:8787/tasks?a=1#b" },
  ]);
});

test.each(["http://localhost:8080", "http://plane"])(
  "a link to %s is only its text: Telegram refuses messages with links to a host without a dot",
  (origin) => {
    expect(toLink("x", `${origin}/javisi/browse/ONB-1/`, [origin])).toEqual(toPlainText("x"));
  },
);

test("a link to an IP address stays a link", () => {
  for (const origin of ["http://192.168.1.4:8080", "http://[::1]:8080"])
    expect(toLink("x", `${origin}/`, [origin]).entities).toMatchObject([{ url: `${origin}/` }]);
});

test("truncating a text leaves a text at the limit unchanged", () => {
  const text = toPlainText("a".repeat(4_096));
  expect(truncateRichText(text)).toBe(text);
  expect(truncateRichText(toPlainText("a".repeat(4_097))).text).toBe(`${"a".repeat(4_095)}…`);
});

test("truncating a text never splits a surrogate pair", () => {
  expect(truncateRichText(toPlainText("😀😀😀"), 4).text).toBe("😀…");
  expect(truncateRichText(toPlainText("😀😀😀"), 5).text).toBe("😀😀…");
});

test("truncating a text removes an entity that would be split, and keeps those before it", () => {
  const rich = joinRichText([toBold("one"), " ", toBold("two and more")]);
  expect(truncateRichText(rich, 8)).toEqual({ text: "one…", entities: [{ type: "bold", offset: 0, length: 3 }] });
});

test("truncating a text keeps all entities in bounds and all characters whole, for any text", () => {
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

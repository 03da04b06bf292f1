import { expect, test } from "vitest";
import { htmlToText } from "../../../shared/markdown/html-to-text.ts";

test.each([
  ["<p>Hello <b>world</b></p><p>again</p>", "Hello world again"],
  ["a&amp;b &lt;i&gt; &quot;q&quot; &#39;x&#x27; &nbsp; end", "a&b <i> \"q\" 'x' end"],
  ["<script>alert(1)</script>left<style>p{}</style>", "left"],
  ["<SCRIPT src=x>never closed", ""],
  ["&unknown; &#0; &#xD800; &#x110000; &#999999999999;", "&unknown; &#0; &#xD800; &#x110000; &#999999999999;"],
  ["&amp;lt;b&amp;gt;", "&lt;b&gt;"],
  ["  a\n\tb  ", "a b"],
  ["a < b", "a < b"],
  ["", ""],
])("%j reads %j", (html, text) => {
  expect(htmlToText(html)).toBe(text);
});

test("a long text is cut by characters, not within one", () => {
  expect(htmlToText("😀".repeat(10), 4)).toBe("😀😀😀…");
  expect(htmlToText("abcd", 4)).toBe("abcd");
  expect(Array.from(htmlToText("x".repeat(1000)))).toHaveLength(300);
});

test.each(["<", "<script ", "&a", "</script   ", "<style>"])("a hostile text of many %j takes no time", (part) => {
  const began = performance.now();
  htmlToText(part.repeat(200_000));
  // Linear: some 20 ms. Growing with the square it would be minutes.
  expect(performance.now() - began).toBeLessThan(1_000);
});

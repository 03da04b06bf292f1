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
])("the text of the HTML %j is %j", (html, text) => {
  expect(htmlToText(html)).toBe(text);
});

test("a long text is truncated between characters, not within one", () => {
  expect(htmlToText("😀".repeat(10), 4)).toBe("😀😀😀…");
  expect(htmlToText("abcd", 4)).toBe("abcd");
  expect(Array.from(htmlToText("x".repeat(1000)))).toHaveLength(300);
});

test.each(["<", "<script ", "&a", "</script   ", "<style>"])(
  "a hostile text of many %j is converted in linear time",
  (part) => {
    const began = performance.now();
    htmlToText(part.repeat(200_000));
    // In linear time about 20 ms; in quadratic time minutes.
    expect(performance.now() - began).toBeLessThan(1_000);
  },
);

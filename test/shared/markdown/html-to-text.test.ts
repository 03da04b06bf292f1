import { expect, test } from "vitest";
import { escapeHtml, htmlToText } from "../../../shared/markdown/plain-text.ts";

test("the text of HTML has no tags, scripts and styles, decodes its entities, and ends between characters", () => {
  for (const [html, text] of [
    ["<p>Hello <b>world</b></p><p>again</p>", "Hello world again"],
    ["a&amp;b &lt;i&gt; &quot;q&quot; &#39;x&#x27; &nbsp; end", "a&b <i> \"q\" 'x' end"],
    ["<script>alert(1)</script>left<style>p{}</style>", "left"],
    ["<SCRIPT src=x>never closed", ""],
    ["&unknown; &#0; &#xD800; &#x110000; &#999999999999;", "&unknown; &#0; &#xD800; &#x110000; &#999999999999;"],
    ["&amp;lt;b&amp;gt;", "&lt;b&gt;"],
    ["  a\n\tb  < c", "a b < c"],
  ] as const)
    expect(htmlToText(html)).toBe(text);
  // Neither quotation mark ends an attribute.
  expect(escapeHtml(`<"&'>`)).toBe("&#60;&#34;&#38;&#39;&#62;");
  expect(htmlToText("😀".repeat(10), 4)).toBe("😀😀😀…");
  expect(htmlToText("abcd", 4)).toBe("abcd");
  expect(Array.from(htmlToText("x".repeat(1000)))).toHaveLength(300);
});

test.each(["<", "<script ", "&a", "</script   ", "<style>"])("a text of many %j takes no quadratic time", (part) => {
  /** Processor time in ms; the least of several runs, because other work on the machine only adds to it. */
  const measure = (length: number) => {
    const html = part.repeat(length / part.length);
    const runs = Array.from({ length: 3 }, () => {
      const before = process.cpuUsage();
      htmlToText(html);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    });
    return Math.min(...runs);
  };
  measure(2_000);
  const [small, large] = [measure(2_000), measure(32_000)];
  // 16 times the length takes about 16 times as long in linear time, and 256 times as long in quadratic time.
  expect(large / Math.max(small, 0.5)).toBeLessThan(64);
});

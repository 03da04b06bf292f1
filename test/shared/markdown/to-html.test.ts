import fc from "fast-check";
import rehypeSanitize from "rehype-sanitize";
import rehypeStringify from "rehype-stringify";
import { unified } from "unified";
import { expect, test } from "vitest";
import { parseHtml } from "../../../shared/markdown/parse-html.ts";
import { SANITIZE_SCHEMA, toHtml } from "../../../shared/markdown/to-html.ts";

const FULL = process.env["FULL"] !== undefined;

test("OPENCLAW-05 the conversion of Markdown to HTML renders headings, emphasis, code, links, lists and tables", async () => {
  expect(await toHtml("# Log\n\n**60 %** of *it* ~~or not~~ `x < 1`, see [it](https://a.example/?b=1&c)")).toBe(
    "<h1>Log</h1>\n<p><strong>60 %</strong> of <em>it</em> <del>or not</del> <code>x &#x3C; 1</code>, " +
      'see <a href="https://a.example/?b=1&#x26;c">it</a></p>',
  );
  expect(joinLines(await toHtml("1. one\n2. two\n   - in it\n\n| a | b |\n|--:|---|\n| 1 | 2 |"))).toBe(
    "<ol><li>one</li><li>two<ul><li>in it</li></ul></li></ol>" +
      '<table><thead><tr><th align="right">a</th><th>b</th></tr></thead>' +
      '<tbody><tr><td align="right">1</td><td>2</td></tr></tbody></table>',
  );
  expect(await toHtml("```ts\nlet a = 1;\n```")).toBe('<pre><code class="language-ts">let a = 1;\n</code></pre>');
});

test("OPENCLAW-05 the conversion of Markdown to HTML renders a task list in the form of Plane's editor, and other checkboxes as text", async () => {
  expect(joinLines(await toHtml("- [x] built\n- [ ] tried"))).toBe(
    '<ul data-type="taskList"><li data-type="taskItem" data-checked="true">built</li>' +
      '<li data-type="taskItem" data-checked="false">tried</li></ul>',
  );
  expect(joinLines(await toHtml("- [x] built\n- tried\n\n1. [ ] shown"))).toBe(
    "<ul><li>[x] built</li><li>tried</li></ul><ol><li>[ ] shown</li></ol>",
  );
});

test("OPENCLAW-05 the conversion of Markdown to HTML shows raw HTML as text without losing any of it", async () => {
  expect(await toHtml("a Map<string> and <script>alert(1)</script>")).toBe(
    "<p>a Map&#x3C;string> and &#x3C;script>alert(1)&#x3C;/script></p>",
  );
  expect(await toHtml("<div onclick=x>\n**a**\n</div>")).toBe(
    "<p>&#x3C;div onclick=x>\n<strong>a</strong>\n&#x3C;/div></p>",
  );
});

test("OPENCLAW-05 the conversion of Markdown to HTML keeps only links to http, https and mailto, and loads no image of others", async () => {
  for (const [markdown, html] of [
    ["[a](JaVaScRiPt:alert`1`)", "<p>a</p>"],
    ["[a](&#106;avascript:alert)", "<p>a</p>"],
    ["[a](java&#10;script:alert)", "<p>a</p>"],
    ["[a](data:text/html;base64,PHNjcmlwdD4=)", "<p>a</p>"],
    ["[a](vbscript:x) [b](file:///etc/passwd) [c](blob:x)", "<p>a b c</p>"],
    ["[a](//evil.example/x) [b](/spaces/1) [c](#d)", "<p>a b c</p>"],
    ["[a][x]\n\n[x]: javascript:alert(1)", "<p>a</p>"],
    ["<javascript:alert(1)>", "<p>javascript:alert(1)</p>"],
    ['[a](https://b.example "onmouseover=alert(1)")', '<p><a href="https://b.example">a</a></p>'],
    ["<ann@a.example>", '<p><a href="mailto:ann@a.example">ann@a.example</a></p>'],
    ["![plan](https://t.example/x.png) ![](data:x)", '<p><a href="https://t.example/x.png">plan</a> </p>'],
    ["[![plan](https://t.example/x.png)](https://a.example)", '<p><a href="https://a.example">plan</a></p>'],
  ] as const)
    expect(await toHtml(markdown), markdown).toBe(html);
});

test("OPENCLAW-05 the conversion of Markdown to HTML refuses too long a text with the limit", async () => {
  await expect(toHtml("a".repeat(100_001))).rejects.toThrow("100,001 characters; the limit is 100,000");
  await expect(toHtml("a\n".repeat(5_000))).rejects.toThrow("5,001 lines; the limit is 5,000");
});

test("reliability 18 the conversion of hostile Markdown produces only HTML that the sanitizer accepts, and nothing active", async () => {
  const hostile = fc.constantFrom(
    ...["<script>", "</p>", "<img src=x onerror=alert(1)>", "](javascript:a)", "[a](", "![", "<a href='", "&#106;"],
    ...["```", "\n\n", "> ", "- ", "1. ", "| a |\n|-|\n", "**", "_", "~~", "[^1]", "\u202e", "\0", "\ud800", "`", "\\"],
  );
  const text = fc.array(fc.oneof(hostile, fc.string({ unit: "grapheme" }))).map((parts) => parts.join(""));
  await fc.assert(
    fc.asyncProperty(text, async (markdown) => {
      const html = await toHtml(markdown);
      expect(await sanitizeHtml(html)).toBe(html);
      expect(
        getTags(html).filter(
          (tag) => !/^<\/?[a-z]+[1-6]?( (href|class|align|start|data-[a-z]+)="[^"<>]*")*>$/.test(tag),
        ),
      ).toEqual([]);
      expect(html).not.toMatch(/href="(?!https?:|mailto:)/i);
    }),
    { numRuns: FULL ? 5_000 : 80 },
  );
});

test("reliability 18 the conversion of hostile Markdown terminates for thousands of nested marks", async () => {
  for (const markdown of [
    ">".repeat(10_000),
    "- a ".repeat(10_000),
    "> - ".repeat(10_000),
    Array.from({ length: 400 }, (_, n) => `${"\t".repeat(n)}- a`).join("\n"),
    `${">".repeat(10_000)}a\n${"a\n".repeat(4_990)}`,
    "[".repeat(50_000) + "]".repeat(50_000),
    "[a](b".repeat(20_000),
    ...["1. ".repeat(10_000), "*a **a ".repeat(14_000), "~~a ~".repeat(20_000), "* a\n".repeat(4_999)],
  ]) {
    const html = await toHtml(markdown);
    expect(measureDepth(html), markdown.slice(0, 20)).toBeLessThanOrEqual(45);
    expect(await sanitizeHtml(html)).toBe(html);
  }
});

function joinLines(html: string): string {
  return html.replace(/\n/g, "");
}

function getTags(html: string): string[] {
  return html.match(/<[^>]*>/g) ?? [];
}

/** The largest depth of nested elements. */
function measureDepth(html: string): number {
  let open = 0;
  let maxDepth = 0;
  for (const tag of getTags(html)) {
    if (tag.startsWith("</")) open -= 1;
    else if (!/^<(br|hr)/.test(tag)) open += 1;
    maxDepth = Math.max(maxDepth, open);
  }
  return maxDepth;
}

/** Parses the HTML like a browser, sanitizes it and writes it again. */
async function sanitizeHtml(html: string): Promise<string> {
  const sanitizer = unified().use(rehypeSanitize, SANITIZE_SCHEMA).use(rehypeStringify);
  return sanitizer.stringify(await sanitizer.run(parseHtml(html)));
}

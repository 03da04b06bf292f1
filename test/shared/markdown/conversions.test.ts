import fc from "fast-check";
import rehypeSanitize from "rehype-sanitize";
import rehypeStringify from "rehype-stringify";
import { unified } from "unified";
import { expect, test } from "vitest";
import { parseHtml } from "../../../shared/markdown/parse-html.ts";
import { escapeHtml, htmlToText } from "../../../shared/markdown/plain-text.ts";
import { SANITIZE_SCHEMA, toHtml } from "../../../shared/markdown/to-html.ts";
import { toMarkdown } from "../../../shared/markdown/to-markdown.ts";

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

const joinLines = (html: string) => html.replace(/\n/g, "");
const getTags = (html: string): string[] => html.match(/<[^>]*>/g) ?? [];

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

const NAMES: Record<string, string> = { "u-1": "Ann *Lee*" };
const findName = async (id: string) => NAMES[id];

test("the conversion of Plane's HTML to Markdown renders mentions, checkboxes, rules, code, tables and embedded elements of Plane's editor", async () => {
  const html = `<p class="editor-paragraph-block">Hi <mention-component id="1" entity_identifier="u-1"
      entity_name="user_mention"></mention-component> &amp; <mention-component entity_identifier="u-2"></mention-component></p>
      <ul data-type="taskList"><li data-type="taskItem" data-checked="true"><label><input type="checkbox" checked><span></span></label><div><p>one</p></div></li>
      <li data-type="taskItem" data-checked="false"><label><input type="checkbox"><span></span></label><div><p>two <s>not</s></p></div></li></ul>
      <div data-type="horizontalRule"><div></div></div>
      <pre class="x"><code class="language-py">x = 1 &lt; 2</code></pre>
      <table><tbody><tr><th colspan="1"><p>H</p></th></tr><tr><td><p>a|b</p></td></tr></tbody></table>
      <image-component src="525a" width="20"></image-component>
      <div data-block-type="callout-component"><p>mind <b>the</b> <i>gap</i></p></div>`;
  expect(await toMarkdown(html, findName)).toBe(
    [
      "Hi @Ann \\*Lee\\* & @u-2",
      "- [x] one\n\n- [ ] two ~~not~~",
      "---",
      "```py\nx = 1 < 2\n```",
      "| H    |\n| ---- |\n| a\\|b |",
      "(image)",
      "mind **the** *gap*",
    ].join("\n\n"),
  );
});

test("the conversion of Plane's HTML to Markdown removes scripts, styles and other active content, but keeps the text around it", async () => {
  const html =
    '<p onclick="x()">hi<script>alert(1)</script><style>p{}</style> <a href="javascript:alert(1)">x</a> ' +
    '<img src="https://t.example/p.png" alt="plan" onerror="x()"><svg><text>s</text></svg></p><!-- no -->';
  expect(await toMarkdown(html)).toBe("hi x [plan](https://t.example/p.png)");
});

test("the conversion of Plane's HTML to Markdown keeps the content of cells, headings, code, links and lists inside them", async () => {
  const code = "<pre>a\n\n# b\n\n[x](javascript:y)</pre>";
  for (const [html, markdown] of [
    [`<table><tr><th>${code}</th></tr></table>`, "| `a # b [x](javascript:y)` |\n| ------------------------- |"],
    ["<table><tr><th>h</th></tr><tr><td><ul><li>a</li><li>b</li></ul></td></tr></table>", "| h   |\n| --- |\n| a b |"],
    ["<table><caption>*c*</caption><tr><th>h</th></tr></table>", "\\*c\\*\n\n| h |\n| - |"],
    [`<h1>${code}</h1>`, "# `a # b [x](javascript:y)`"],
    [`<strong>${code}</strong>`, "```\na\n\n# b\n\n[x](javascript:y)\n```"],
    ["<code>``</code><code>*b*</code>", "` ``*b* `"],
    ["<ul>[x](javascript:y)<li>b</li></ul>", "- \\[x]\\(javascript:y)\n- b"],
    ["<dl><dt>*a*</dt><dd># b</dd></dl>", "\\*a\\*\n\n\\# b"],
    [`<a href="https://a.example">${code}</a>`, "```\na\n\n# b\n\n[x](javascript:y)\n```\n\n<https://a.example>"],
  ] as const)
    expect(await toMarkdown(html), html).toBe(markdown);
});

test("reliability 18 the conversion of hostile HTML from Plane keeps the text of thousands of nested elements", async () => {
  const all = {
    "<div>": 19_000,
    "<blockquote>": 8_000,
    "<ul><li>": 12_000,
    "<table><tr><td>": 6_000,
    "<b><p>": 16_000,
  };
  const more = { "<b><div></b>": 8_000, "<a href=https://a.example><i>": 3_000, "<a>": 33_000, "<font><table>": 7_000 };
  const nested = Object.entries({ ...all, ...more, "<mention-component>": 5_000 });
  for (const [tag, times] of FULL ? nested : nested.filter((_, i) => i % 3 === 0))
    expect(await toMarkdown(`${tag.repeat(times)}said`), tag).toContain("said");
});

test("reliability 18 the conversion of hostile HTML from Plane never turns text into markup, in any element", async () => {
  const marks = ["# H", "> H", "- H", "1. H", "```\n# H", "`` ` ``", "|H|\n|-|\n|H|", "[H](http://h)", "**H**", "_H_"];
  const text = fc
    .tuple(fc.constantFrom("", "x", "\n", "x\n\n", "<br>", "    ", "&#10;"), fc.constantFrom(...marks, "~~H~~", "x"))
    .map((parts) => parts.join(""));
  const names = ["p", "div", "pre", "code", "ul", "ol", "li", "table", "tr", "td", "th", "dl", "dt", "summary", "sup"];
  const tags = [...names, "strong", "em", "s", "a href=https://a.example", "label", "caption", "u", "textarea"];
  const { html } = fc.letrec<{ html: string }>((tie) => ({
    html: fc.oneof(
      { maxDepth: 5, depthSize: "large" },
      text,
      fc
        .tuple(fc.constantFrom(...tags), fc.array(tie("html"), { minLength: 1, maxLength: 3 }), fc.boolean())
        .map(([tag, held, left]) => `<${tag}>${held.join("")}${left ? "" : `</${tag.split(" ")[0]}>`}`),
    ),
  }));
  const MADE_BY: Record<string, RegExp> = {
    ...{ h1: /^$/, hr: /^$/, blockquote: /^$/, table: /<t/, a: /<a/, ul: /<(ul|li)/, ol: /<ol/ },
    ...{ pre: /<(pre|textarea)/, strong: /<strong/, em: /<em/, del: /<s>/ },
  };
  await fc.assert(
    fc.asyncProperty(html, async (given) => {
      const back = await toHtml(await toMarkdown(given));
      const made = Object.entries(MADE_BY).filter(
        ([tag, by]) => new RegExp(`<${tag}[ >]`).test(back) && !by.test(given),
      );
      expect(made.map(([tag]) => tag)).toEqual([]);
    }),
    { numRuns: FULL ? 2_000 : 60 },
  );
});

test("reliability 18 the conversion of hostile HTML from Plane keeps its text without making it a hundred times as long", async () => {
  const formats = Array.from({ length: 800 }, (_, n) => `<b a=${n.toString(36)}>`).join("");
  for (const html of [
    `<p>${formats}</p>${"<p>x".repeat(1_000)}`,
    `<table><tr><td>${"x".repeat(50_000)}${"<tr><td>x".repeat(4_000)}`,
    `<table><tr>${"<td>x".repeat(100)}${"<tr><td>x".repeat(100)}</table>`.repeat(FULL ? 60 : 15),
  ]) {
    const markdown = await toMarkdown(html);
    expect(markdown.match(/x/g)?.length).toBeGreaterThan(990);
    expect(markdown.length).toBeLessThan(1_000_000);
  }
  // The rows of a table that would need too many empty cells are paragraphs.
  const markdown = await toMarkdown(`<table><tr>${"<td>a".repeat(3_000)}${"<tr><td>b<td><p>c</p>".repeat(20)}</table>`);
  expect(markdown).toMatch(/a a a\n\nb/);
  expect(markdown.match(/b\s+c/g)).toHaveLength(20);
});

const word = fc.stringMatching(/^[a-zA-Z]{1,8}$/);
const words = fc.array(word, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(" "));

const inline = fc.oneof(
  words,
  words.map((text) => `**${text}**`),
  words.map((text) => `*${text}*`),
  words.map((text) => `~~${text}~~`),
  words.map((text) => `\`${text}\``),
  fc.tuple(words, word).map(([text, path]) => `[${text}](https://a.example/${path})`),
);
const line = fc.array(inline, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(" "));
const block = fc.oneof(
  line,
  fc.tuple(fc.integer({ min: 1, max: 6 }), line).map(([level, text]) => `${"#".repeat(level)} ${text}`),
  fc.array(line, { minLength: 1, maxLength: 4 }).map((items) => items.map((item) => `- ${item}`).join("\n")),
  fc.array(line, { minLength: 1, maxLength: 4 }).map((items) => items.map((item) => `- [x] ${item}`).join("\n")),
  fc.array(line, { minLength: 1, maxLength: 4 }).map((items) => items.map((item, n) => `${n + 1}. ${item}`).join("\n")),
  fc.array(line, { minLength: 1, maxLength: 3 }).map((lines) => lines.map((text) => `> ${text}`).join("\n")),
  words.map((text) => `\`\`\`js\n${text}\n\`\`\``),
  fc.tuple(words, words).map(([head, cell]) => `| ${head} |\n| - |\n| ${cell} |`),
);
const document = fc.array(block, { minLength: 1, maxLength: 5 }).map((blocks) => blocks.join("\n\n"));

test("the conversion of Markdown to HTML and back leads to the same HTML again, with every word in order", async () => {
  await fc.assert(
    fc.asyncProperty(document, async (markdown) => {
      const html = await toHtml(markdown);
      const back = await toMarkdown(html);
      expect(normalizeHtml(await toHtml(back))).toBe(normalizeHtml(html));
      expect(getWords(back)).toEqual(getWords(markdown));
    }),
    { numRuns: FULL ? 1_000 : 25 },
  );
});

const BLOCK = "</?(?:p|ul|ol|li|h\\d|blockquote|pre|table|thead|tbody|tr|th|td|hr)(?: [^>]*)?>";

/** Removes differences without meaning: whitespace between blocks, and paragraphs around the text of list items. */
function normalizeHtml(html: string): string {
  return html
    .replace(new RegExp(`(?<=${BLOCK})\\n+|\\n+(?=${BLOCK})`, "g"), "")
    .replace(/(?<=<\/?li[^>]*>)<p>|<\/p>(?=<\/li|<ul|<ol)/g, "")
    .replace(/\n/g, " ");
}

const getWords = (markdown: string) => markdown.match(/[a-zA-Z]+/g);

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

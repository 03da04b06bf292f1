import fc from "fast-check";
import { expect, test } from "vitest";
import { toHtml } from "../../../shared/markdown/to-html.ts";
import { toMarkdown } from "../../../shared/markdown/to-markdown.ts";

const FULL = process.env["FULL"] !== undefined;
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

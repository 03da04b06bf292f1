import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toMarkdown } from "../../../shared/markdown/to-markdown.ts";

const NAMES: Record<string, string> = { "u-1": "Ann *Lee*" };
const nameOf = async (id: string) => NAMES[id];

describe("HTML from Plane comes back as Markdown", () => {
  test("what its editor writes is readable: mentions, boxes, rules, code, tables, what is embedded", async () => {
    const html = `<p class="editor-paragraph-block">Hi <mention-component id="1" entity_identifier="u-1"
      entity_name="user_mention"></mention-component> &amp; <mention-component entity_identifier="u-2"></mention-component></p>
      <ul data-type="taskList"><li data-type="taskItem" data-checked="true"><label><input type="checkbox" checked><span></span></label><div><p>one</p></div></li>
      <li data-type="taskItem" data-checked="false"><label><input type="checkbox"><span></span></label><div><p>two <s>not</s></p></div></li></ul>
      <div data-type="horizontalRule"><div></div></div>
      <pre class="x"><code class="language-py">x = 1 &lt; 2</code></pre>
      <table><tbody><tr><th colspan="1"><p>H</p></th></tr><tr><td><p>a|b</p></td></tr></tbody></table>
      <image-component src="525a" width="20"></image-component>
      <div data-block-type="callout-component"><p>mind <b>the</b> <i>gap</i></p></div>`;
    expect(await toMarkdown(html, nameOf)).toBe(
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

  test("scripts, styles and what would run are left out; what they stand in is kept", async () => {
    const html =
      '<p onclick="x()">hi<script>alert(1)</script><style>p{}</style> <a href="javascript:alert(1)">x</a> ' +
      '<img src="https://t.example/p.png" alt="plan" onerror="x()"><svg><text>s</text></svg></p><!-- no -->';
    expect(await toMarkdown(html)).toBe("hi x [plan](https://t.example/p.png)");
  });

  test("text that looks like Markdown stays text", async () => {
    expect(await toMarkdown("<p># not *a* heading</p><p>1. [x](y) `z`</p>")).toBe(
      "\\# not \\*a\\* heading\n\n1\\. \\[x]\\(y) \\`z\\`".replace("\\]\\(", "]("),
    );
  });

  test.each(["", "<p></p>", "<!DOCTYPE html><html><head><title>t</title></head><body></body></html>", "<p>&nbsp;</p>"])(
    "nothing is nothing: %s",
    async (html) => expect((await toMarkdown(html)).trim()).toBe(""),
  );

  test("of more than 100,000 characters the rest is left off, and it says so", async () => {
    const markdown = await toMarkdown(`<p>${"word ".repeat(30_000)}</p>`);
    expect(markdown.length).toBeLessThan(100_100);
    expect(markdown).toMatch(/ wo[rd]*\n\n…$/);
  });
});

describe("reliability 18 HTML from Plane, whoever wrote it", () => {
  test("whatever comes in is read without an error", async () => {
    const hostile = fc.constantFrom(
      ...[
        "<script>",
        "</p>",
        "<p>",
        "<b>",
        "<a href='javascript:x'>",
        "<table>",
        "<td>",
        "<tr>",
        "<li>",
        "<ul>",
        "<!--",
      ],
      ...[
        "<svg>",
        "<math><mi>",
        "<template>",
        "<select>",
        "<mention-component>",
        "&#0;",
        "&lt;",
        "<![CDATA[",
        "\0",
        "\ud800",
      ],
    );
    const html = fc.array(fc.oneof(hostile, fc.string({ unit: "grapheme" }))).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(html, async (given) => {
        const markdown = await toMarkdown(given);
        expect(markdown).not.toMatch(/\]\((?!https?:|mailto:)/i);
      }),
      { numRuns: Number(process.env["FULL"] ?? 0) ? 5_000 : 300 },
    );
  });

  test.each([
    ["<div>", 19_000],
    ["<blockquote>", 8_000],
    ["<ul><li>", 12_000],
    ["<table><tr><td>", 6_000],
    ["<b><p>", 16_000],
    ["<b><div></b>", 8_000],
    ["<a href=https://a.example><i>", 3_000],
    ["<a>", 33_000],
    ["<font><table>", 7_000],
    ["<mention-component>", 5_000],
  ])("thousands of %s inside each other are read and end, and their text is kept", async (tag, times) => {
    expect(await toMarkdown(`${tag.repeat(times)}said`)).toContain("said");
  });

  test("a cell as wide as a million takes no room", async () => {
    expect(await toMarkdown('<table><tr><td colspan="1000000" rowspan="9999">a</td></tr></table>')).toHaveLength(17);
  });
});

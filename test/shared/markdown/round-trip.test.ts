import fc from "fast-check";
import { expect, test } from "vitest";
import { toHtml } from "../../../shared/markdown/to-html.ts";
import { toMarkdown } from "../../../shared/markdown/to-markdown.ts";

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
const RUN_OPTIONS = { numRuns: Number(process.env["FULL"] ?? 0) ? 1_000 : 25 };

test("the conversion of Markdown to HTML and back leads to the same HTML again, with every word in order", async () => {
  await fc.assert(
    fc.asyncProperty(document, async (markdown) => {
      const html = await toHtml(markdown);
      const back = await toMarkdown(html);
      expect(normalizeHtml(await toHtml(back))).toBe(normalizeHtml(html));
      expect(getWords(back)).toEqual(getWords(markdown));
    }),
    RUN_OPTIONS,
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

function getWords(markdown: string): string[] {
  return markdown.match(/[a-zA-Z]+/g) ?? [];
}

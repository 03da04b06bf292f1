import { expect, test } from "vitest";
import { getTaskSize } from "../../../shared/accounting/history.ts";
import { removeHiddenText } from "../../../shared/markdown/hidden-text.ts";
import { toHtml } from "../../../shared/markdown/to-html.ts";
import { toMarkdown } from "../../../shared/markdown/to-markdown.ts";
import { mayContainBlockedByText, parseBlockedByText } from "../../../shared/sync/dependency-edges.ts";
import type { ItemRecord } from "../../../shared/task/snapshot.ts";
import { parseDoneWhen } from "../../../shared/tasks/lifecycle/done-criteria.ts";
import { HOSTILE_HTML, HOSTILE_MARKDOWN } from "./hostile-inputs.ts";

const FULL = process.env["FULL"] !== undefined;
const NOTE = "(formatting left out: the text has too many elements)";

/**
 * Limit of processor time without a pause, in ms. The target is 50; a machine whose cache other work fills takes a few
 * times as long for the same, and without limits the inputs take ten times this and more.
 */
const MAX_BLOCK_MS = 150;

/** Processor time of this thread in ms: other work on the machine does not add to it. */
function getThreadTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** Runs the work and returns the longest processor time between two turns of the event loop, in ms. */
async function measureLongestBlock(work: () => unknown): Promise<number> {
  let longest = 0;
  let isOver = false;
  let last = getThreadTime();
  const turns = (async () => {
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = getThreadTime();
      longest = Math.max(longest, now - last);
      last = now;
    }
  })();
  await work();
  isOver = true;
  await turns;
  return longest;
}

/** The least of three runs, because collecting garbage of other tests is no part of the work. */
async function expectShortBlocks(work: () => unknown): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3 && least > MAX_BLOCK_MS; run += 1) least = Math.min(least, await measureLongestBlock(work));
  expect(least).toBeLessThan(MAX_BLOCK_MS);
}

/** All in the full run, otherwise some: they take seconds. */
const pickSome = <T>(all: T[], of: number) => all.filter((_, i) => FULL || i % of === 0);

test.each(pickSome(HOSTILE_HTML, 6))("reliability 18: 5 MiB of HTML with %s stop no process", async (_, html) => {
  await toMarkdown("<p hidden>a</p><table><tr><td>b");
  await removeHiddenText("<p hidden>a</p>");
  await expectShortBlocks(() => toMarkdown(html));
  await expectShortBlocks(() => removeHiddenText(html));
  await expectShortBlocks(() => getTaskSize({ description: html }));
  await expectShortBlocks(() => parseBlockedByText(html));
  const item = { snapshot: { description: html } };
  await expectShortBlocks(() => mayContainBlockedByText(item as ItemRecord));
});

test.each(pickSome(HOSTILE_MARKDOWN, 3))("reliability 18: the longest Markdown with %s stops none", async (_, text) => {
  await toHtml("# a\n\n- b");
  await expectShortBlocks(() => toHtml(text));
});

test("a description with one large block loses the formatting of that block only; another one keeps its criteria and names", async () => {
  const rows = Array.from({ length: 1_000 }, (_, i) => `<tr><td>left${i}</td><td>right${i}</td></tr>`);
  const table = `<table>${rows.join("")}</table>`;
  const partly = await toMarkdown(`<h1>Title</h1><p><b>bold</b></p>${table}<ul><li>item</li></ul>`);
  expect(partly.startsWith(`${NOTE}\n\n# Title\n\n**bold**\n\nleft0 right0\n\n`)).toBe(true);
  expect(partly.endsWith("\n\nleft999 right999\n\n- item")).toBe(true);
  const items = Array.from({ length: 5_001 }, (_, i) => `<li>f${i}.md</li>`).join("");
  const mention = '<mention-component entity_identifier="u-1"></mention-component>';
  const html = `<p>${mention}</p><p><strong>Done when:</strong></p><ul>${items}</ul>`;
  const plain = await toMarkdown(html, async () => "Ann");
  expect(plain.startsWith(`${NOTE}\n\n@Ann\n\n`)).toBe(true);
  expect(parseDoneWhen(plain)).toHaveLength(5_001);
});

test.each([
  ["by an attribute", "<p hidden>SECRET</p>"],
  ["by an escaped style", '<p style="display&#58;none">SECRET</p>'],
  ["by the colour around it", '<div style="background:#000"><p><span style="color:#000">SECRET</span></p></div>'],
  ["by a style sheet", "<style>.x{display:none}</style><p class=x>SECRET</p>"],
  ["in an element that ends in the wrong order", "<div hidden><b></div></b>SECRET"],
  ["behind an end tag in an attribute", '<div hidden><p title="</p></div>">SECRET</p></div>'],
  ["behind a comment that ends early", "<div hidden><!--></div><p hidden>--><b>SECRET</b></div>"],
  ["behind an end tag in foreign content", "<div hidden><svg><![CDATA[></svg></div>]]>SECRET</svg></div>"],
  ["behind an end tag in a text field", '<textarea><p title="</textarea><b hidden>">SECRET</b>'],
  ["in closed details", "<details><p>SECRET</p></details>"],
])("text hidden %s does not reach agents in HTML that is too large for a tree", async (_, hidden) => {
  const html = `${"<p>a</p>".repeat(5_001)}${hidden}`;
  const markdown = await toMarkdown(html);
  expect(markdown).not.toContain("SECRET");
  expect(markdown).toContain("hidden text removed");
  expect(await removeHiddenText(html)).not.toContain("SECRET");
});

test("a long Markdown text of usual blocks keeps its formatting, its code and its links", async () => {
  const section =
    "## Part\n\nSee [it][a] and `x`.\n\n```sh\n# no heading\n\n# nor this\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- one\n- two\n\n  more of two\n\n";
  const html = await toHtml(`${section.repeat(60)}[a]: https://a.example`);
  expect(html).not.toContain(NOTE);
  expect(html.match(/<h2>/g)).toHaveLength(60);
  expect(html.match(/<a href="https:\/\/a\.example">it<\/a>/g)).toHaveLength(60);
  expect(html.match(/# nor this\n<\/code>/g)).toHaveLength(60);
  expect(html.match(/<p>more of two<\/p>/g)).toHaveLength(60);
});

import { removeHiddenText } from "../shared/markdown/hidden-text.ts";
import { toHtml } from "../shared/markdown/to-html.ts";
import { toMarkdown } from "../shared/markdown/to-markdown.ts";
import { HOSTILE_HTML, HOSTILE_MARKDOWN } from "../test/shared/markdown/hostile-inputs.ts";
import { formatMs } from "./figures.ts";
import type { BenchLine } from "./table.ts";

const TARGET_MS = 50;

/** Measures how long the conversion of hostile texts, at the sizes that Plane accepts, stops the process at most. */
export async function benchTexts(): Promise<BenchLine[]> {
  // The first conversion loads the parsers.
  await Promise.all([toMarkdown("<p hidden>a</p>"), removeHiddenText("<p hidden>a</p>"), toHtml("a")]);
  const works = [
    ...HOSTILE_HTML.flatMap(([name, html]) => [
      { name, run: () => toMarkdown(html) },
      { name, run: () => removeHiddenText(html) },
    ]),
    ...HOSTILE_MARKDOWN.map(([name, text]) => ({ name, run: () => toHtml(text) })),
  ];
  let longest = { ms: 0, name: "" };
  for (const { name, run } of works) {
    const ms = await measureLongestBlock(run);
    if (ms > longest.ms) longest = { ms, name };
  }
  return [
    {
      what: `longest stop by one of ${works.length} hostile texts of up to 5 MiB`,
      ours: `${formatMs(longest.ms)} (${longest.name})`,
      aim: `< ${TARGET_MS} ms`,
      met: longest.ms < TARGET_MS,
    },
  ];
}

/** The longest time between two turns of the event loop, in ms. */
async function measureLongestBlock(run: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let isOver = false;
  let last = performance.now();
  const turns = (async () => {
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }
  })();
  await run();
  isOver = true;
  await turns;
  return longest;
}

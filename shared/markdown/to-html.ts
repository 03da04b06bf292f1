import { GroundcrewError } from "../errors.ts";
import { adaptForPlane } from "./adapt-for-plane.ts";
import { limitNesting, MAX_MARKDOWN_LINES, MAX_MARKUP_LENGTH, restrictParser } from "./limits.ts";
import { SANITIZE_SCHEMA } from "./sanitize-schema.ts";
import { limitTableCells } from "./tables.ts";
import type { HtmlRoot } from "./tree.ts";

/**
 * Converts GitHub-flavored Markdown to HTML that is safe to store in Plane, which does not sanitize it: only tags and
 * attributes of a short list, links only to http, https and mailto. Raw HTML in the Markdown is shown as text.
 * Throws `bad_request` for more than 100,000 characters or 5,000 lines.
 */
export async function toHtml(markdown: string): Promise<string> {
  if (markdown.length > MAX_MARKUP_LENGTH) throw createTooLongError(markdown.length, "characters", MAX_MARKUP_LENGTH);
  const lines = markdown.toWellFormed().split(/\r\n|\r|\n/);
  if (lines.length > MAX_MARKDOWN_LINES) throw createTooLongError(lines.length, "lines", MAX_MARKDOWN_LINES);
  loading ??= loadProcessor();
  return String((await loading).processSync(limitNesting(lines)));
}

let loading: ReturnType<typeof loadProcessor> | undefined;

/** Loaded at the first use, because most parts need no Markdown and an idle process should stay small. */
async function loadProcessor() {
  const [{ unified }, parse, gfm, rehype, sanitize, stringify] = await Promise.all([
    import("unified"),
    import("remark-parse"),
    import("remark-gfm"),
    import("remark-rehype"),
    import("rehype-sanitize"),
    import("rehype-stringify"),
  ]);
  return unified()
    .use(parse.default)
    .use(gfm.default)
    .use(restrictParser)
    .use(() => limitTableCells)
    .use(rehype.default, { clobberPrefix: "" })
    .use(() => (tree: HtmlRoot) => adaptForPlane(tree))
    .use(sanitize.default, SANITIZE_SCHEMA)
    .use(stringify.default)
    .freeze();
}

function createTooLongError(length: number, units: string, max: number): GroundcrewError {
  const [actual, allowed] = [length, max].map((n) => n.toLocaleString("en"));
  return new GroundcrewError(
    "bad_request",
    `The text has ${actual} ${units}; the limit is ${allowed}. Shorten it, or upload it with upload_deliverable.`,
    { refusal: { name: "textTooLong" } },
  );
}

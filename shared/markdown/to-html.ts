import { GroundcrewError } from "../errors.ts";
import { inert, LINES, LONGEST, shallow } from "./bounds.ts";
import { SCHEMA } from "./schema.ts";
import { unfilled } from "./tables.ts";
import { tidied } from "./tidy.ts";
import type { Root } from "./tree.ts";

/**
 * Markdown (GitHub's, as agents write it) as HTML that is safe to keep in Plane, which stores what it is sent: only
 * tags and attributes of a short list, links only to http, https and mailto. HTML in the Markdown is shown as text.
 * Throws `bad_request` for more than 100,000 characters or 5,000 lines.
 */
export async function toHtml(markdown: string): Promise<string> {
  if (markdown.length > LONGEST) throw tooLong(markdown.length, "characters", LONGEST);
  const lines = markdown.toWellFormed().split(/\r\n|\r|\n/);
  if (lines.length > LINES) throw tooLong(lines.length, "lines", LINES);
  loading ??= load();
  return String((await loading).processSync(shallow(lines)));
}

let loading: ReturnType<typeof load> | undefined;

/** Loaded when first needed: most of what the product does needs no Markdown, and an idle process stays small. */
async function load() {
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
    .use(inert)
    .use(() => unfilled)
    .use(rehype.default, { clobberPrefix: "" })
    .use(() => (tree: Root) => tidied(tree))
    .use(sanitize.default, SCHEMA)
    .use(stringify.default)
    .freeze();
}

function tooLong(length: number, units: string, most: number): GroundcrewError {
  const [has, fit] = [length, most].map((n) => n.toLocaleString("en"));
  return new GroundcrewError(
    "bad_request",
    `The text has ${has} ${units}; at most ${fit} fit. Shorten it, or upload it with upload_deliverable.`,
  );
}

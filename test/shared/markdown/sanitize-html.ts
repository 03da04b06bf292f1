import rehypeParse from "rehype-parse";
import rehypeSanitize from "rehype-sanitize";
import rehypeStringify from "rehype-stringify";
import { unified } from "unified";
import { SANITIZE_SCHEMA } from "../../../shared/markdown/sanitize-schema.ts";

const sanitiser = unified()
  .use(rehypeParse, { fragment: true })
  .use(rehypeSanitize, SANITIZE_SCHEMA)
  .use(rehypeStringify)
  .freeze();

/** The HTML as a browser would read it, sanitised and written again. */
export async function sanitizeHtml(html: string): Promise<string> {
  return String(await sanitiser.process(html));
}

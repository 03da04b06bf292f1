import rehypeSanitize from "rehype-sanitize";
import rehypeStringify from "rehype-stringify";
import { unified } from "unified";
import { parseHtml } from "../../../shared/markdown/parse-html.ts";
import { SANITIZE_SCHEMA } from "../../../shared/markdown/to-html.ts";

const sanitizer = unified().use(rehypeSanitize, SANITIZE_SCHEMA).use(rehypeStringify).freeze();

/** Parses the HTML like a browser, sanitizes it and writes it again. */
export async function sanitizeHtml(html: string): Promise<string> {
  return sanitizer.stringify(await sanitizer.run(parseHtml(html)));
}

import type { Options } from "rehype-sanitize";

/**
 * The allowed kinds of links. Relative ones are not allowed, because their target depends on where the text is shown.
 */
const SAFE_LINK = /^(https?:\/\/|mailto:)[^\s]/i;

/** The address if it is allowed in a link, otherwise undefined. */
export function toSafeLink(href: unknown): string | undefined {
  return typeof href === "string" && SAFE_LINK.test(href) ? href : undefined;
}

/** The allowed HTML: no images, no styles, no ids or names, nothing active. */
export const SANITIZE_SCHEMA: Options = {
  tagNames: [
    ...["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "ul", "ol", "li", "hr", "br"],
    ...["strong", "em", "del", "code", "sup", "a"],
    ...["table", "thead", "tbody", "tr", "th", "td"],
  ],
  attributes: {
    a: ["href"],
    code: [["className", /^language-[\w+#.-]{1,30}$/]],
    ol: ["start"],
    // Plane's editor recognizes task lists by these attributes.
    ul: [["dataType", "taskList"]],
    li: [
      ["dataType", "taskItem"],
      ["dataChecked", "true", "false"],
    ],
    th: [["align", "left", "center", "right"]],
    td: [["align", "left", "center", "right"]],
  },
  protocols: { href: ["http", "https", "mailto"] },
  ancestors: { thead: ["table"], tbody: ["table"], tr: ["table"], th: ["table"], td: ["table"] },
  required: {},
  clobber: [],
  strip: [],
  allowComments: false,
  allowDoctypes: false,
};

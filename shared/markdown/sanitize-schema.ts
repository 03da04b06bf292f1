import type { Options } from "rehype-sanitize";

/** Addresses people and agents may be sent to. Relative ones would lead to wherever the text is shown. */
const SAFE_LINK = /^(https?:\/\/|mailto:)[^\s]/i;

/** The address as it may stand in a link; undefined when it may not. */
export function toSafeLink(href: unknown): string | undefined {
  return typeof href === "string" && SAFE_LINK.test(href) ? href : undefined;
}

/** What may stand in HTML of ours: no images, no styles, no names, nothing that does anything. */
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
    // Plane's editor knows task lists by these.
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

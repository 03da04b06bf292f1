import { isHidingStyle, parseDeclarations } from "./hiding-style.ts";
import type { HtmlElement, HtmlRoot } from "./tree.ts";

/** The last simple selectors of a rule: a tag, an id or a class. */
const SIMPLE_SELECTOR = /[.#]?[\w-]+/g;

/**
 * Reads the style sheets in a text, and returns whether one of their rules may hide an element. Of a selector only the
 * tag, id and classes at its end count, so that a rule hides at least the elements it hides in a browser.
 */
export function readHidingSelectors(root: HtmlRoot): (element: HtmlElement) => boolean {
  const selectors = new Set(collectStyleSheets(root).flatMap(parseHidingRules));
  return ({ tagName, properties }) => {
    if (selectors.size === 0) return false;
    const { id, className } = properties;
    const classes = Array.isArray(className) ? className : [];
    const names = ["*", tagName, `#${String(id)}`, ...classes.map((name) => `.${name}`)];
    return names.some((name) => selectors.has(name.toLowerCase()));
  };
}

function collectStyleSheets(root: HtmlRoot): string[] {
  const sheets: string[] = [];
  const pending: (HtmlRoot | HtmlRoot["children"][number])[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (!("children" in node)) continue;
    if (node.type === "element" && node.tagName === "style")
      sheets.push(node.children.map((child) => (child.type === "text" ? child.value : "")).join(""));
    pending.push(...node.children);
  }
  return sheets;
}

/** Returns the ends of the selectors of all rules that hide elements. */
function parseHidingRules(sheet: string): string[] {
  return sheet.split("}").flatMap((rule) => {
    const parts = rule.split("{");
    const declarations = parseDeclarations(parts.pop() ?? "");
    if (parts.length === 0 || !isHidingStyle(declarations)) return [];
    return (parts.pop() ?? "").split(",").flatMap((selector) => {
      const end =
        selector
          .trim()
          .split(/[\s>+~]+/)
          .at(-1) ?? "";
      return end.includes("*") ? ["*"] : (end.replace(/:.*$/, "").toLowerCase().match(SIMPLE_SELECTOR) ?? []);
    });
  });
}

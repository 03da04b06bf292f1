/** A part of a template: literal text, or the name of a placeholder. */
export type TemplatePart = { literal: string } | { placeholder: string };

/** Splits `Waits for {keys}` into its parts, for callers that fill in formatted text. */
export function splitTemplate(template: string): TemplatePart[] {
  return template
    .split(/(\{\w+\})/)
    .filter((part) => part !== "")
    .map((part) => {
      const placeholder = /^\{(\w+)\}$/.exec(part)?.[1];
      return placeholder === undefined ? { literal: part } : { placeholder };
    });
}

/** Fills in the placeholders of a template. A placeholder without a value stays in the text. */
export function formatTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return splitTemplate(template)
    .map((part) => ("literal" in part ? part.literal : (values[part.placeholder] ?? `{${part.placeholder}}`)))
    .join("");
}

/**
 * Reads the values of a text that `formatTemplate` made from this template; undefined when the text is another one.
 * All kinds of spaces are the same, because editors replace no-break spaces.
 */
export function parseTemplate(template: string, text: string): Record<string, string> | undefined {
  const names: string[] = [];
  const pattern = splitTemplate(replaceNoBreakSpaces(template)).map((part) => {
    if ("literal" in part) return part.literal.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
    names.push(part.placeholder);
    return "(.+)";
  });
  const match = new RegExp(`^${pattern.join("")}$`, "u").exec(replaceNoBreakSpaces(text));
  return match ? Object.fromEntries(names.map((name, i) => [name, match[i + 1] ?? ""])) : undefined;
}

/** Replaces no-break spaces, the narrow one too, by plain ones. */
export function replaceNoBreakSpaces(text: string): string {
  return text.replace(/[\u00a0\u202f]/g, " ");
}

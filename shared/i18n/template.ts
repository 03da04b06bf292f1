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

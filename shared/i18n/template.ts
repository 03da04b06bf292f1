/** A part of a template: text as it is written, or the name of a placeholder. */
export type TemplatePart = { literal: string } | { placeholder: string };

/** The parts of `Waits for {keys}`, in order; for callers that fill in more than plain text. */
export function splitTemplate(template: string): TemplatePart[] {
  return template
    .split(/(\{\w+\})/)
    .filter((part) => part !== "")
    .map((part) => {
      const placeholder = /^\{(\w+)\}$/.exec(part)?.[1];
      return placeholder === undefined ? { literal: part } : { placeholder };
    });
}

/** A template with its placeholders filled in. One without a value stays as it is written. */
export function formatTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return splitTemplate(template)
    .map((part) => ("literal" in part ? part.literal : (values[part.placeholder] ?? `{${part.placeholder}}`)))
    .join("");
}

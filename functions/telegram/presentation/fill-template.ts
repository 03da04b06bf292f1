import { splitTemplate } from "../../../shared/i18n/template.ts";
import { joinRichText, type RichText } from "../../../shared/telegram/rich-text.ts";

/** A template as a message, with its placeholders filled in; bold text and links keep their format. */
export function fillTemplate(template: string, values: Record<string, RichText | string>): RichText {
  return joinRichText(
    splitTemplate(template).map((part) =>
      "literal" in part ? part.literal : (values[part.placeholder] ?? `{${part.placeholder}}`),
    ),
  );
}

import type { Locale } from "./locale.ts";
import { localizeNumber } from "./localize.ts";
import { formatTemplate } from "./template.ts";

/** A text that counts; `{n}` is the number. Languages with more forms than these two need more fields here. */
export interface PluralForms {
  one: string;
  other: string;
}

/** A counted text with its number, in the form the language uses for that number. */
export function localizeCount({ locale }: { locale: Locale }, forms: PluralForms, n: number): string {
  const form = new Intl.PluralRules(locale).select(n) === "one" ? forms.one : forms.other;
  return formatTemplate(form, { n: localizeNumber(locale, n) });
}

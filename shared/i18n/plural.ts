import type { Locale } from "./locale.ts";
import { localizeNumber } from "./localize.ts";
import { formatTemplate } from "./template.ts";

/** A text with a number, `{n}`. A language with more plural forms than these two would need more fields here. */
export interface PluralForms {
  one: string;
  other: string;
}

/** Fills in the number, in the plural form that the language uses for it. */
export function localizeCount({ locale }: { locale: Locale }, forms: PluralForms, n: number): string {
  const form = new Intl.PluralRules(locale).select(n) === "one" ? forms.one : forms.other;
  return formatTemplate(form, { n: localizeNumber(locale, n) });
}

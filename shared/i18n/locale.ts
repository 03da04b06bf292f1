export const LOCALES = ["en", "fr"] as const;

/** A language Groundcrew writes in; also a locale of `Intl`. */
export type Locale = (typeof LOCALES)[number];

/** The setting `LOCALE`. `auto` follows the language of the person who is answered. */
export type LocaleSetting = Locale | "auto";

/** The language for a setting. `auto` without a person, as in a notification or a comment, is English. */
export function resolveLocale(setting: LocaleSetting, languageCode?: string | null): Locale {
  if (setting !== "auto") return setting;
  return /^fr\b/i.test(languageCode ?? "") ? "fr" : "en";
}

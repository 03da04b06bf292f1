export const LOCALES = ["en", "fr"] as const;

/** A language of Groundcrew's texts; also a locale of `Intl`. */
export type Locale = (typeof LOCALES)[number];

/** Value of the setting `LOCALE`. With `auto`, replies are in the language of the user they are for. */
export type LocaleSetting = Locale | "auto";

/**
 * Returns the language for a setting: the one place that decides it, for Telegram, comments and the page. With `auto`, a
 * text that is for no single user (a notification, a comment) is English.
 * @param languageCode the user's language as an IETF tag, such as `fr-CA`: that of the Telegram client, or the browser's
 * first (`Accept-Language`)
 */
export function resolveLocale(setting: LocaleSetting, languageCode?: string | null): Locale {
  if (setting !== "auto") return setting;
  return /^fr\b/i.test(languageCode ?? "") ? "fr" : "en";
}

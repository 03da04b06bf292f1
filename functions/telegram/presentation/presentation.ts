import type { Settings } from "../../../shared/config/settings.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts/telegram-texts.ts";

/** The part of the settings that decides how messages look. */
export interface PresentationSettings extends Pick<Settings, "locale" | "publicUrl"> {
  plane?: { url: string };
}

/** How messages look: their language, and the origins that links in them may lead to. */
export interface Presentation {
  texts: TelegramTexts;
  origins: readonly string[];
}

/** Links may lead to Plane and to our own page only: titles and texts from outside must not smuggle in other links. */
export function createPresentation({ locale, plane, publicUrl }: PresentationSettings): Presentation {
  const origins = [plane?.url, publicUrl].flatMap((url) => (url === undefined ? [] : new URL(url).origin));
  return { texts: getTexts(locale).telegram, origins };
}

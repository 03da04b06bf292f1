import type { Settings } from "../../../shared/config/settings.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import type { TelegramTexts } from "../../../shared/i18n/texts/telegram-texts.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";

/** The part of the settings that decides how messages look. */
export interface PresentationSettings extends Pick<Settings, "locale" | "publicUrl"> {
  plane?: { url: string };
  /** IANA name of the zone in which times are written. Default: UTC. */
  timezone?: string;
  budget?: { currency: string } | undefined;
}

/** How messages look: their language, time zone and currency of costs, and the origins that links in them may lead to. */
export interface Presentation {
  texts: TelegramTexts;
  origins: readonly string[];
  timezone: string;
  /** ISO 4217 code; absent without a budget. */
  currency?: string;
}

/** Links may lead to Plane and to our own page only: titles and texts from outside must not smuggle in other links. */
export function createPresentation(settings: PresentationSettings): Presentation {
  const { locale, plane, publicUrl, timezone = "UTC", budget } = settings;
  const origins = [plane?.url, publicUrl].flatMap((url) => (url === undefined ? [] : new URL(url).origin));
  return { texts: getTexts(locale).telegram, origins, timezone, ...omitUndefined({ currency: budget?.currency }) };
}

import { setFrenchSpaces } from "../french-spaces.ts";
import { type Locale, type LocaleSetting, resolveLocale } from "../locale.ts";
import { canaryTextsEn } from "./canary-texts.en.ts";
import { canaryTextsFr } from "./canary-texts.fr.ts";
import type { CanaryTexts } from "./canary-texts.ts";
import { cardTextsEn } from "./card-texts.en.ts";
import { cardTextsFr } from "./card-texts.fr.ts";
import type { CardTexts } from "./card-texts.ts";
import { commentTextsEn } from "./comment-texts.en.ts";
import { commentTextsFr } from "./comment-texts.fr.ts";
import type { CommentTexts } from "./comment-texts.ts";
import { mapTexts } from "./map-texts.ts";
import { outageTextsEn } from "./outage-texts.en.ts";
import { outageTextsFr } from "./outage-texts.fr.ts";
import type { OutageTexts } from "./outage-texts.ts";
import { pageTextsEn } from "./page-texts.en.ts";
import { pageTextsFr } from "./page-texts.fr.ts";
import type { PageTexts } from "./page-texts.ts";
import { pageViewTextsEn } from "./page-view-texts.en.ts";
import { pageViewTextsFr } from "./page-view-texts.fr.ts";
import type { PageViewTexts } from "./page-view-texts.ts";
import { personaTextsEn } from "./persona-texts.en.ts";
import { personaTextsFr } from "./persona-texts.fr.ts";
import type { PersonaTexts } from "./persona-texts.ts";
import { sampleTaskTextsEn } from "./sample-task-texts.en.ts";
import { sampleTaskTextsFr } from "./sample-task-texts.fr.ts";
import type { SampleTaskTexts } from "./sample-task-texts.ts";
import { telegramTextsEn } from "./telegram-texts.en.ts";
import { telegramTextsFr } from "./telegram-texts.fr.ts";
import type { TelegramTexts } from "./telegram-texts.ts";
import { wakeTextsEn } from "./wake-texts.en.ts";
import { wakeTextsFr } from "./wake-texts.fr.ts";
import type { WakeTexts } from "./wake-texts.ts";

/** All texts of one language, except those of documents that only hosts with tickets serve. A language that lacks a text fails type checking. */
interface Texts {
  telegram: TelegramTexts;
  page: PageTexts;
  pageViews: PageViewTexts;
  canary: CanaryTexts;
  card: CardTexts;
  outage: OutageTexts;
  comments: CommentTexts;
  sampleTasks: SampleTaskTexts;
  wakes: WakeTexts;
  personas: PersonaTexts;
}

const TEXTS: Record<Locale, Texts> = {
  en: {
    telegram: telegramTextsEn,
    page: pageTextsEn,
    pageViews: pageViewTextsEn,
    canary: canaryTextsEn,
    card: cardTextsEn,
    outage: outageTextsEn,
    comments: commentTextsEn,
    sampleTasks: sampleTaskTextsEn,
    wakes: wakeTextsEn,
    personas: personaTextsEn,
  },
  fr: mapTexts(
    {
      telegram: telegramTextsFr,
      page: pageTextsFr,
      pageViews: pageViewTextsFr,
      canary: canaryTextsFr,
      outage: outageTextsFr,
      card: cardTextsFr,
      comments: commentTextsFr,
      sampleTasks: sampleTaskTextsFr,
      wakes: wakeTextsFr,
      personas: personaTextsFr,
    },
    setFrenchSpaces,
  ),
};

/** Returns the texts for a `LOCALE` setting. @param languageCode the user's language, for a text for a single user */
export function getTexts(setting: LocaleSetting, languageCode?: string): Texts {
  return TEXTS[resolveLocale(setting, languageCode)];
}

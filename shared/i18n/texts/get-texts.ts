import { type Locale, type LocaleSetting, resolveLocale } from "../locale.ts";
import { canaryTextsEn } from "./canary-texts.en.ts";
import { canaryTextsFr } from "./canary-texts.fr.ts";
import type { CanaryTexts } from "./canary-texts.ts";
import { commentTextsEn } from "./comment-texts.en.ts";
import { commentTextsFr } from "./comment-texts.fr.ts";
import type { CommentTexts } from "./comment-texts.ts";
import { pageTextsEn } from "./page-texts.en.ts";
import { pageTextsFr } from "./page-texts.fr.ts";
import type { PageTexts } from "./page-texts.ts";
import { sampleTaskTextsEn } from "./sample-task-texts.en.ts";
import { sampleTaskTextsFr } from "./sample-task-texts.fr.ts";
import type { SampleTaskTexts } from "./sample-task-texts.ts";
import { telegramTextsEn } from "./telegram-texts.en.ts";
import { telegramTextsFr } from "./telegram-texts.fr.ts";
import type { TelegramTexts } from "./telegram-texts.ts";
import { wakeTextsEn } from "./wake-texts.en.ts";
import { wakeTextsFr } from "./wake-texts.fr.ts";
import type { WakeTexts } from "./wake-texts.ts";

/** All texts of one language. A language that lacks a text fails type checking. */
interface Texts {
  telegram: TelegramTexts;
  page: PageTexts;
  canary: CanaryTexts;
  comments: CommentTexts;
  sampleTasks: SampleTaskTexts;
  wakes: WakeTexts;
}

const TEXTS: Record<Locale, Texts> = {
  en: {
    telegram: telegramTextsEn,
    page: pageTextsEn,
    canary: canaryTextsEn,
    comments: commentTextsEn,
    sampleTasks: sampleTaskTextsEn,
    wakes: wakeTextsEn,
  },
  fr: {
    telegram: telegramTextsFr,
    page: pageTextsFr,
    canary: canaryTextsFr,
    comments: commentTextsFr,
    sampleTasks: sampleTaskTextsFr,
    wakes: wakeTextsFr,
  },
};

/** Returns the texts for a `LOCALE` setting. @param languageCode the user's language, for a text for a single user */
export function getTexts(setting: LocaleSetting, languageCode?: string): Texts {
  return TEXTS[resolveLocale(setting, languageCode)];
}

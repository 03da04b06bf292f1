import { type Locale, type LocaleSetting, resolveLocale } from "./locale.ts";
import { canaryTextsEn } from "./texts/canary-texts.en.ts";
import { canaryTextsFr } from "./texts/canary-texts.fr.ts";
import type { CanaryTexts } from "./texts/canary-texts.ts";
import { commentTextsEn } from "./texts/comment-texts.en.ts";
import { commentTextsFr } from "./texts/comment-texts.fr.ts";
import type { CommentTexts } from "./texts/comment-texts.ts";
import { pageTextsEn } from "./texts/page-texts.en.ts";
import { pageTextsFr } from "./texts/page-texts.fr.ts";
import type { PageTexts } from "./texts/page-texts.ts";
import { sampleTaskTextsEn } from "./texts/sample-task-texts.en.ts";
import { sampleTaskTextsFr } from "./texts/sample-task-texts.fr.ts";
import type { SampleTaskTexts } from "./texts/sample-task-texts.ts";
import { telegramTextsEn } from "./texts/telegram-texts.en.ts";
import { telegramTextsFr } from "./texts/telegram-texts.fr.ts";
import type { TelegramTexts } from "./texts/telegram-texts.ts";

/** Every text that people read in Groundcrew, in one language. A language that lacks a text does not type-check. */
interface Texts {
  telegram: TelegramTexts;
  page: PageTexts;
  canary: CanaryTexts;
  comments: CommentTexts;
  sampleTasks: SampleTaskTexts;
}

const TEXTS: Record<Locale, Texts> = {
  en: {
    telegram: telegramTextsEn,
    page: pageTextsEn,
    canary: canaryTextsEn,
    comments: commentTextsEn,
    sampleTasks: sampleTaskTextsEn,
  },
  fr: {
    telegram: telegramTextsFr,
    page: pageTextsFr,
    canary: canaryTextsFr,
    comments: commentTextsFr,
    sampleTasks: sampleTaskTextsFr,
  },
};

/** The texts for a `LOCALE` setting; `languageCode` is the person's language, where the text is for one person. */
export function getTexts(setting: LocaleSetting, languageCode?: string): Texts {
  return TEXTS[resolveLocale(setting, languageCode)];
}

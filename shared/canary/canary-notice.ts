import type { Settings } from "../config/settings.ts";
import { resolveLocale } from "../i18n/locale.ts";
import { localizeNumber } from "../i18n/localize.ts";
import { formatTemplate } from "../i18n/template.ts";
import { getTexts } from "../i18n/texts/get-texts.ts";
import { createAnnouncementJob } from "../jobs/outbox-jobs.ts";
import type { Job } from "../store/job-operations.ts";
import { toSoundExtras } from "../telegram/message-sounds.ts";
import { toPlainText } from "../telegram/rich-text.ts";
import type { Ms } from "../time.ts";

interface CanaryNotice {
  what: "silent" | "back";
  /** Store time since which no webhook arrived; it identifies the notice, so that it is sent once. */
  since: Ms;
  /** Duration until the webhook arrived. */
  took?: Ms;
  correlation: string;
}

/** Creates the job for the message that webhooks stopped or resumed arriving; no job without Telegram. */
export function createCanaryNoticeJobs(
  { telegram, locale }: Pick<Settings, "telegram" | "locale">,
  notice: CanaryNotice,
): Job[] {
  if (!telegram) return [];
  const language = resolveLocale(locale);
  const seconds = localizeNumber(language, Math.round((notice.took ?? 0) / 1000));
  const rich = toPlainText(formatTemplate(getTexts(language).canary[notice.what], { n: seconds }));
  const id = `canary:${notice.what}:${notice.since}`;
  const sound = toSoundExtras(`webhooks_${notice.what}`);
  return [createAnnouncementJob(id, telegram.chat, { rich, language, ...sound }, notice.correlation)];
}

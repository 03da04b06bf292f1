import type { Settings } from "../config/settings.ts";
import { resolveLocale } from "../i18n/locale.ts";
import { localizeDuration, localizeMoment } from "../i18n/localize.ts";
import { formatTemplate } from "../i18n/template.ts";
import { getTexts } from "../i18n/texts/get-texts.ts";
import { createAnnouncementJob } from "../jobs/outbox-jobs.ts";
import type { Job } from "../store/job-operations.ts";
import { toSoundExtras } from "../telegram/message-sounds.ts";
import { toPlainText } from "../telegram/rich-text.ts";
import type { Ms } from "../time.ts";
import type { OutageNotice } from "./outage-record.ts";

/**
 * Creates the job for the message that Plane does not answer, or answers again; no job without Telegram.
 * @param now store time, for times of the same day
 */
export function createOutageNoticeJobs(
  { telegram, locale, timezone }: Pick<Settings, "telegram" | "locale" | "timezone">,
  notice: OutageNotice,
  now: Ms,
  correlation: string,
): Job[] {
  if (!telegram) return [];
  const language = resolveLocale(locale);
  const formatTime = (at: Ms) => localizeMoment(language, timezone, at, now);
  const values: Record<string, string> = {
    since: formatTime(notice.since),
    ...(notice.kind === "back"
      ? { until: formatTime(notice.until), duration: localizeDuration(language, notice.until - notice.since) }
      : {}),
  };
  const rich = toPlainText(formatTemplate(getTexts(language).outage[notice.kind], values));
  const sound = toSoundExtras(`plane_${notice.kind}`);
  const id = `plane-outage:${notice.kind}:${notice.since}`;
  return [createAnnouncementJob(id, telegram.chat, { rich, language, ...sound }, correlation)];
}

import type { Settings } from "../config/settings.ts";
import { createAnnouncementJob } from "../jobs/outbox-jobs.ts";
import type { Job } from "../store/port.ts";
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

const TEXTS = {
  en: {
    silent:
      "⚠️ Plane's webhooks do not arrive: a test edit was not told within a minute. Changes are still found, by polling. `npm run doctor` looks for the reason.",
    back: "✅ Plane's webhooks arrive again ({n} s).",
  },
  fr: {
    silent:
      "⚠️ Les webhooks de Plane n’arrivent plus : une modification d’essai n’a pas été annoncée en une minute. Les changements sont encore trouvés, par interrogation. `npm run doctor` en cherche la raison.",
    back: "✅ Les webhooks de Plane arrivent de nouveau ({n} s).",
  },
} as const;

/** Creates the job for the message that webhooks stopped or resumed arriving; no job without Telegram. */
export function createCanaryNoticeJobs(
  { telegram, locale }: Pick<Settings, "telegram" | "locale">,
  notice: CanaryNotice,
): Job[] {
  if (!telegram) return [];
  const language = locale === "fr" ? "fr" : "en";
  const text = TEXTS[language][notice.what].replace("{n}", String(Math.round((notice.took ?? 0) / 1000)));
  const rich = toPlainText(text.replaceAll("`", ""));
  const id = `canary:${notice.what}:${notice.since}`;
  return [createAnnouncementJob(id, telegram.chat, { rich, language }, notice.correlation)];
}

import type { Settings } from "../../shared/config/settings.ts";
import { resolveLocale } from "../../shared/i18n/locale.ts";
import { formatTemplate } from "../../shared/i18n/template.ts";
import { getTexts } from "../../shared/i18n/texts/get-texts.ts";
import { createAnnouncementJob } from "../../shared/jobs/outbox-jobs.ts";
import type { Job } from "../../shared/store/job-operations.ts";
import { toSoundExtras } from "../../shared/telegram/message-sounds.ts";
import { toPlainText } from "../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../shared/telegram/safe-text.ts";
import type { Ms } from "../../shared/time.ts";
import type { WakeTask } from "../../shared/wake/wake-record.ts";

/** Limit of task keys in the message: 5. */
const MAX_KEYS = 5;

interface UnresponsiveNotice {
  agent: string;
  tasks: readonly Pick<WakeTask, "key" | "reason">[];
  /** The agent calls but finishes none of its tasks; otherwise it makes no call at all. */
  hasCalled: boolean;
  /** Store time; it identifies the notice. */
  at: Ms;
}

/** Creates the job for the message that an agent does not react to its wakes; no job without Telegram. */
export function createUnresponsiveNotice(
  { telegram, locale }: Pick<Settings, "telegram" | "locale">,
  { agent, tasks, hasCalled, at }: UnresponsiveNotice,
): Job[] {
  if (!telegram) return [];
  const language = resolveLocale(locale);
  const texts = getTexts(language).wakes;
  const keys = tasks.slice(0, MAX_KEYS).map(({ key, reason }) => (reason === "asked_for" ? texts.request : key));
  const values = {
    agent: toSafeText(agent, 80).text,
    tasks: toSafeText(keys.join(", ") + (tasks.length > MAX_KEYS ? ", …" : "")).text,
  };
  const rich = toPlainText(formatTemplate(hasCalled ? texts.idle : texts.silent, values));
  const id = `unresponsive:${agent}:${at}`;
  return [createAnnouncementJob(id, telegram.chat, { rich, language, ...toSoundExtras("agent_unresponsive") }, id)];
}

/** How values look in every message: language and links, emoji, filled texts, figures and cycles. */

import type { ConfidenceOverTime } from "../../../shared/accounting/history.ts";
import type { Settings } from "../../../shared/config/settings.ts";
import {
  formatTemplate,
  localizeCount,
  localizeDate,
  localizeDuration,
  localizeMoney,
  localizeNumber,
  localizePercent,
  splitTemplate,
} from "../../../shared/i18n/localize.ts";
import { getTexts, type TelegramTexts } from "../../../shared/i18n/texts.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import type { CycleProgress } from "../../../shared/sync/cycles.ts";
import type { EventKind } from "../../../shared/task/event-kinds.ts";
import type { Status } from "../../../shared/task/snapshot.ts";
import { type Budget, type ForecastSum, formatBudget } from "../../../shared/tasks/forecast.ts";
import {
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { DAY, toZonedDate } from "../../../shared/time.ts";

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

export const STATUS_EMOJI: Record<Status, string> = {
  todo: "⬜",
  in_progress: "🔵",
  blocked: "⛔",
  done: "✅",
  cancelled: "✖️",
};

/** An event that changes a task's status has the emoji of that status. */
export const EVENT_EMOJI: Record<EventKind, string> = {
  created: "🆕",
  assigned: "👤",
  unassigned: "👤",
  started: STATUS_EMOJI.in_progress,
  blocked: STATUS_EMOJI.blocked,
  unblocked: "🟢",
  completed: STATUS_EMOJI.done,
  cancelled: STATUS_EMOJI.cancelled,
  reopened: "🔄",
  removed: "🗑️",
  restored: "♻️",
  renamed: "✏️",
  due: "📅",
  priority: "❗",
  comment_added: "💬",
  comment_edited: "💬",
  project_created: "📁",
  project_completed: "🏁",
  cycle_started: "🏃",
  cycle_completed: "🏆",
  asked: "❓",
  answered: "💡",
  critical: "🚨",
  claim_lost: "💤",
  addressed: "💬",
  review: "🔍",
  sent_back: "↩️",
  stuck: "🧱",
  circle: "🔁",
  failed: "⚠️",
  ticket: "🎫",
  plan_proposed: "🗺️",
  plan_approved: "👍",
  plan_rejected: "👎",
  plan_failed: "⚠️",
  plan_completed: "🏁",
};

/** Links may lead to Plane and to our own page only: titles and texts from outside must not smuggle in other links. */
export function createPresentation(settings: PresentationSettings): Presentation {
  const { locale, plane, publicUrl, timezone = "UTC", budget } = settings;
  const origins = [plane?.url, publicUrl].flatMap((url) => (url === undefined ? [] : new URL(url).origin));
  return { texts: getTexts(locale).telegram, origins, timezone, ...omitUndefined({ currency: budget?.currency }) };
}

/** A template as a message, with its placeholders filled in; bold text and links keep their format. */
export function fillTemplate(template: string, values: Record<string, RichText | string>): RichText {
  return joinRichText(
    splitTemplate(template).map((part) =>
      "literal" in part ? part.literal : (values[part.placeholder] ?? `{${part.placeholder}}`),
    ),
  );
}

/** `🔮 Forecast for open tasks: about 6 hr, €4.10, not enough data for 2 tasks`; undefined when nothing is known. */
export function renderForecastLine(
  texts: TelegramTexts,
  { ms, cost, unknown }: ForecastSum,
  currency: string | undefined,
): RichText | undefined {
  const { digest, locale, colon } = texts;
  const amounts = keepDefined([
    ms === undefined ? undefined : localizeDuration(locale, ms),
    cost === undefined ? undefined : localizeMoney(locale, cost, currency),
  ]).join(", ");
  if (amounts === "") return undefined;
  const missing = unknown > 0 ? `, ${localizeCount(texts, digest.tooLittleDataFor, unknown)}` : "";
  return toPlainText(
    `🔮 ${digest.forecastLabel}${colon}${formatTemplate(digest.estimate, { what: amounts })}${missing}`,
  );
}

/** `💶 Budget for November: €5.00 spent + €3.00 estimated for open tasks, of €50.00 (16%)` */
export function renderBudgetLine(texts: TelegramTexts, timeZone: string, budget: Budget): RichText {
  const { digest, colon } = texts;
  const values = formatBudget(texts, timeZone, budget);
  return toPlainText(
    `💶 ${formatTemplate(digest.budgetLabel, values)}${colon}${formatTemplate(digest.ofBudget, values)}`,
  );
}

/** `84% in the last 7 days, 88% in the last 30 days`; undefined when no task had a confidence. */
export function formatConfidence(
  { answers, locale }: TelegramTexts,
  confidence: ConfidenceOverTime,
): string | undefined {
  const parts = (["week", "month", "before"] as const).flatMap((period) => {
    const mean = confidence[period];
    const percent = mean === undefined ? undefined : localizePercent(locale, mean);
    return percent === undefined ? [] : [formatTemplate(answers.confidenceOver[period], { percent })];
  });
  return parts.length === 0 ? undefined : parts.join(", ");
}

/** `Sprint 7 (ONB): 4 of 10 done, 6 tasks left, ends Nov 30, 2026, forecast Nov 28, 2026 (on time)` */
export function renderCycleLine(texts: TelegramTexts, progress: CycleProgress, timeZone: string): RichText {
  const { cycle, project } = progress;
  const facts = keepDefined([
    formatCycleCounts(texts, progress),
    formatCycleDates(texts, progress),
    formatCycleForecast(texts, progress, timeZone),
  ]);
  return joinRichText([
    toSafeText(cycle.name),
    " (",
    toSafeText(project.identifier, 20),
    ")",
    texts.colon,
    facts.join(", "),
  ]);
}

/** `4 of 10 done, 6 tasks left` */
export function formatCycleCounts(texts: TelegramTexts, { done, total, left }: CycleProgress): string {
  const { locale, cycles, progress } = texts;
  const counts = formatTemplate(progress, { done: localizeNumber(locale, done), total: localizeNumber(locale, total) });
  const rest = left > 0 ? localizeCount(texts, cycles.left, left) : cycles.allClosed;
  return total === 0 ? counts : `${counts}, ${rest}`;
}

/** `ends Nov 30, 2026` */
export function formatCycleDates({ locale, cycles }: TelegramTexts, { cycle }: Pick<CycleProgress, "cycle">): string {
  const { start, end, phase } = cycle;
  if (start === null || end === null) return cycles.noDates;
  if (phase === "upcoming") return formatTemplate(cycles.starts, { date: localizeDate(locale, start) });
  return formatTemplate(phase === "completed" ? cycles.ended : cycles.ends, { date: localizeDate(locale, end) });
}

/** `forecast Dec 3, 2026 (3 days late)`; undefined for a cycle that is not current or has nothing left. */
export function formatCycleForecast(
  texts: TelegramTexts,
  { cycle, left, forecast }: CycleProgress,
  timeZone: string,
): string | undefined {
  const { locale, cycles } = texts;
  if (cycle.phase !== "current" || cycle.end === null || left === 0) return undefined;
  if (!forecast) return cycles.noForecast;
  const day = toZonedDate(timeZone, forecast.at);
  const lateDays = Math.round((Date.parse(day) - Date.parse(cycle.end.slice(0, 10))) / DAY);
  const verdict = lateDays > 0 ? localizeCount(texts, cycles.late, lateDays) : cycles.onTime;
  return `${formatTemplate(cycles.forecast, { date: localizeDate(locale, day) })} (${verdict})`;
}

/** Adds the mark of a message that may be in the chat twice. */
export function appendRepeatMark(rich: RichText, repeat: string): RichText {
  const mark = `\n${repeat}`;
  return joinRichText([truncateRichText(rich, MESSAGE_LIMIT - mark.length), toPlainText(mark)]);
}

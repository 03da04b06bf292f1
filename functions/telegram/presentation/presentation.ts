/** How values look in every message: language and links, emoji, filled texts, figures and cycles. */

import type { ConfidenceOverTime } from "../../../shared/accounting/history.ts";
import { roundAmount } from "../../../shared/accounting/spending.ts";
import type { Settings } from "../../../shared/config/settings.ts";
import {
  formatTemplate,
  type Locale,
  localizeCount,
  localizeDate,
  localizeDuration,
  localizeMoment,
  localizeMomentInSentence,
  localizeMoney,
  localizeNumber,
  localizePercent,
  type PluralForms,
  splitTemplate,
} from "../../../shared/i18n/localize.ts";
import { getTexts, type TelegramTexts } from "../../../shared/i18n/texts.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import type { CycleProgress } from "../../../shared/sync/cycles.ts";
import type { EventKind } from "../../../shared/task/event-kinds.ts";
import type { Status } from "../../../shared/task/snapshot.ts";
import { type Budget, type ForecastSum, formatBudget } from "../../../shared/tasks/forecast.ts";
import {
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  toLink,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { DAY, type Ms, toZonedDate } from "../../../shared/time.ts";

/** The part of the settings that decides how messages look. */
export interface PresentationSettings extends Pick<Settings, "locale" | "publicUrl"> {
  plane?: { url: string };
  /** IANA name of the zone in which times are written. Default: UTC. */
  timezone?: string;
  budget?: { currency: string } | undefined;
}

/** How messages look: their language, how values are written, and the origins that links in them may lead to. */
export interface Presentation {
  texts: TelegramTexts;
  format: ReturnType<typeof createFormats>;
  origins: readonly string[];
  timezone: string;
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
  project_deleted: "🗑️",
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
  const texts = getTexts(locale).telegram;
  return { texts, format: createFormats(texts.locale, timezone, budget?.currency), origins, timezone };
}

/** How values are written. @param currency ISO 4217 code; without one, an amount is a plain number */
function createFormats(locale: Locale, timezone: string, currency: string | undefined) {
  return {
    count: (forms: PluralForms, n: number) => localizeCount({ locale }, forms, n),
    number: (n: number) => localizeNumber(locale, n),
    percent: (ratio: number) => localizePercent(locale, ratio),
    money: (amount: number, unit = currency) => localizeMoney(locale, roundAmount(amount), unit),
    duration: (ms: Ms) => localizeDuration(locale, ms),
    date: (date: string) => localizeDate(locale, date),
    moment: (at: Ms, now: Ms) => localizeMoment(locale, timezone, at, now),
    /** In the middle of a sentence, as after "since". */
    momentInSentence: (at: Ms, now: Ms) => localizeMomentInSentence(locale, timezone, at, now),
  };
}

/** A template as a message, with its placeholders filled in; bold text and links keep their format. */
export function fillTemplate(template: string, values: Record<string, RichText | string>): RichText {
  return joinRichText(
    splitTemplate(template).map((part) =>
      "literal" in part ? part.literal : (values[part.placeholder] ?? `{${part.placeholder}}`),
    ),
  );
}

/** Renders a task as a link to Plane: `ONB-12 Write the welcome mail`. */
export function renderTaskTitle(
  { origins }: Presentation,
  { key, title, url }: { key: string; title: string; url: string },
  limit = 256,
): RichText {
  const parts = [toSafeText(key), toSafeText(title, limit)].filter(({ text }) => text !== "");
  return toLink(joinRichText(parts, " "), url, origins);
}

/** `2 hr 5 min` and `€4.10`, each only when known. */
export function formatEffort({ format }: Presentation, ms: Ms | undefined, cost: number | undefined): string[] {
  return keepDefined([
    ms === undefined ? undefined : format.duration(ms),
    cost === undefined ? undefined : format.money(cost),
  ]);
}

/** `🔮 Forecast for open tasks: about 6 hr, €4.10, not enough data for 2 tasks`; undefined when nothing is known. */
export function renderForecastLine(
  presentation: Presentation,
  { ms, cost, unknown }: ForecastSum,
): RichText | undefined {
  const { texts, format } = presentation;
  const { digest, colon } = texts;
  const what = formatEffort(presentation, ms, cost).join(", ");
  if (what === "") return undefined;
  const missing = unknown > 0 ? `, ${format.count(digest.tooLittleDataFor, unknown)}` : "";
  return toPlainText(`🔮 ${digest.forecastLabel}${colon}${formatTemplate(digest.estimate, { what })}${missing}`);
}

/** `💶 Budget for November: €5.00 spent + €3.00 estimated for open tasks, of €50.00 (16%)` */
export function renderBudgetLine({ texts, timezone }: Presentation, budget: Budget): RichText {
  const { digest, colon } = texts;
  const values = formatBudget(texts, timezone, budget);
  return fillTemplate(`💶 ${digest.budgetLabel}${colon}${digest.ofBudget}`, values);
}

/** `84% in the last 7 days, 88% in the last 30 days`; undefined when no task had a confidence. */
export function formatConfidence({ texts, format }: Presentation, confidence: ConfidenceOverTime): string | undefined {
  const parts = (["week", "month", "before"] as const).flatMap((period) => {
    const mean = confidence[period];
    if (mean === undefined) return [];
    return formatTemplate(texts.answers.confidenceOver[period], { percent: format.percent(mean) });
  });
  return parts.length === 0 ? undefined : parts.join(", ");
}

/** `Sprint 7 (ONB): 4 of 10 done, 6 tasks left, ends Nov 30, 2026, forecast Nov 28, 2026 (on time)` */
export function renderCycleLine(presentation: Presentation, progress: CycleProgress): RichText {
  const { cycle, project } = progress;
  const facts = keepDefined([
    formatCycleCounts(presentation, progress),
    formatCycleDates(presentation, progress),
    formatCycleForecast(presentation, progress),
  ]);
  const name = [toSafeText(cycle.name), " (", toSafeText(project.identifier, 20), ")"];
  return joinRichText([...name, presentation.texts.colon, facts.join(", ")]);
}

/** `4 of 10 done, 6 tasks left` */
export function formatCycleCounts(presentation: Presentation, { done, total, left }: CycleProgress): string {
  const { cycles } = presentation.texts;
  const rest = left > 0 ? presentation.format.count(cycles.left, left) : cycles.allClosed;
  return [formatProgress(presentation, done, total), ...(total === 0 ? [] : [rest])].join(", ");
}

/** `4 of 10 done` */
export function formatProgress({ texts, format }: Presentation, done: number, total: number): string {
  return formatTemplate(texts.progress, { done: format.number(done), total: format.number(total) });
}

/** `ends Nov 30, 2026` */
export function formatCycleDates({ texts, format }: Presentation, { cycle }: Pick<CycleProgress, "cycle">): string {
  const { starts, ends, ended, noDates } = texts.cycles;
  const { start, end, phase } = cycle;
  if (start === null || end === null) return noDates;
  if (phase === "upcoming") return formatTemplate(starts, { date: format.date(start) });
  return formatTemplate(phase === "completed" ? ended : ends, { date: format.date(end) });
}

/** `forecast Dec 3, 2026 (3 days late)`; undefined for a cycle that is not current or has nothing left. */
export function formatCycleForecast(
  { texts, format, timezone }: Presentation,
  { cycle, left, forecast }: CycleProgress,
): string | undefined {
  const { cycles } = texts;
  if (cycle.phase !== "current" || cycle.end === null || left === 0) return undefined;
  if (!forecast) return cycles.noForecast;
  const day = toZonedDate(timezone, forecast.at);
  const lateDays = Math.round((Date.parse(day) - Date.parse(cycle.end.slice(0, 10))) / DAY);
  const verdict = lateDays > 0 ? format.count(cycles.late, lateDays) : cycles.onTime;
  return `${formatTemplate(cycles.forecast, { date: format.date(day) })} (${verdict})`;
}

/** Adds the mark of a message that may be in the chat twice. */
export function appendRepeatMark(rich: RichText, repeat: string): RichText {
  const mark = `\n${repeat}`;
  return joinRichText([truncateRichText(rich, MESSAGE_LIMIT - mark.length), toPlainText(mark)]);
}

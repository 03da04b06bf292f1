/** How values look in every message: language and links, emoji, and filled texts. */

import { getCurrency, roundAmount } from "../../../shared/accounting/spending.ts";
import type { Settings } from "../../../shared/config/settings.ts";
import {
  formatTemplate,
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
import type { EventKind } from "../../../shared/task/events.ts";
import type { Status } from "../../../shared/task/snapshot.ts";
import {
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  type TextPart,
  toLink,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import type { Ms } from "../../../shared/time.ts";

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
  /** The page's address (PUBLIC_URL). */
  publicUrl: string | undefined;
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
  return {
    texts,
    format: createFormats(texts, timezone, getCurrency({ budget })),
    origins,
    publicUrl,
    timezone,
  };
}

/** How values are written. @param currency ISO 4217 code: that of all amounts */
function createFormats(texts: TelegramTexts, timezone: string, currency: string) {
  const { locale } = texts;
  return {
    /** `Priority: high`; undefined without a value. */
    field: (label: string, value: TextPart) =>
      value === undefined ? undefined : joinRichText([label, texts.colon, value]),
    /** The first of several lines or names, and how many more of all `count` there are. */
    limit(parts: readonly TextPart[], limit: number, count = parts.length): TextPart[] {
      const shown = parts.slice(0, limit);
      const rest = count - shown.length;
      return rest > 0 ? [...shown, localizeCount({ locale }, texts.more, rest)] : shown;
    },
    /** `since 08:00` */
    since: (at: Ms, now: Ms) =>
      fillTemplate(texts.since, { when: localizeMomentInSentence(locale, timezone, at, now) }),
    count: (forms: PluralForms, n: number) => localizeCount({ locale }, forms, n),
    number: (n: number) => localizeNumber(locale, n),
    percent: (ratio: number) => localizePercent(locale, ratio),
    money: (amount: number) => localizeMoney(locale, roundAmount(amount), currency),
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

/** Renders a task as a link to the page, or to Plane: `ONB-12 Write the welcome mail`. @param path default: the task's */
export function renderTaskTitle(
  presentation: Presentation,
  { key, title, url }: { key: string; title: string; url: string },
  { limit = 256, path = `/task/${encodeURIComponent(key)}` }: { limit?: number; path?: string } = {},
): RichText {
  const parts = [toSafeText(key), toSafeText(title, limit)].filter(({ text }) => text !== "");
  const label = joinRichText(parts, " ");
  return findPageLink(presentation, path, label) ?? toLink(label, url, presentation.origins);
}

/** The path of a request on the page. */
export function toRequestPath(id: string): string {
  return `/inbox?request=${encodeURIComponent(id)}`;
}

/** The path of a ticket's page. */
export function toTicketPath(key: string): string {
  return `/tickets/${encodeURIComponent(key)}`;
}

/** Renders a link to a path of the page; undefined where its address is not known, or is none that Telegram accepts. */
export function findPageLink(
  { publicUrl, origins }: Pick<Presentation, "publicUrl" | "origins">,
  path: string,
  label: RichText | string,
): RichText | undefined {
  const link = publicUrl === undefined ? undefined : toLink(label, new URL(path, publicUrl).href, origins);
  return link?.entities.some(({ type }) => type === "text_link") ? joinRichText([link]) : undefined;
}

/** `Onboarding (ONB)`, or the name alone of a project that does not exist yet. */
export function renderProjectName({ name, identifier }: { name: string; identifier: string }): RichText {
  return identifier === "" ? toSafeText(name) : joinRichText([toSafeText(name), " (", toSafeText(identifier, 20), ")"]);
}

/** `2 hr 5 min` and `€4.10`, each only when known. */
export function formatEffort({ format }: Presentation, ms: Ms | undefined, cost: number | undefined): string[] {
  return keepDefined([
    ms === undefined ? undefined : format.duration(ms),
    cost === undefined ? undefined : format.money(cost),
  ]);
}

/** `4 of 10 done` */
export function formatProgress({ texts, format }: Presentation, done: number, total: number): string {
  return formatTemplate(texts.progress, { done: format.number(done), total: format.number(total) });
}

/** Adds the mark of a message that may be in the chat twice. */
export function appendRepeatMark(rich: RichText, repeat: string): RichText {
  const mark = `\n${repeat}`;
  return joinRichText([truncateRichText(rich, MESSAGE_LIMIT - mark.length), toPlainText(mark)]);
}

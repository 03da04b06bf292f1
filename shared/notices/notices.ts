/**
 * Operational notices: each is reported by whatever observes it, begun once, updated in place and ended once, over
 * restarts. One is stored and sent through the outbox; while the store itself is broken, it is kept in memory and in a
 * small file, and sent to Telegram directly.
 */

import type { ComponentHealth, Deps, Notice, Notices } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { getErrorMessage } from "../errors.ts";
import { formatTemplate, type Locale, localizeDuration, localizeMoment, resolveLocale } from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { createNoticeJob } from "../jobs/outgoing-jobs.ts";
import { getNoticeRules, type NoticeKind } from "../notice-kinds.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Store, StoreKey } from "../store/port.ts";
import { readAllRows, updateValue } from "../store/records.ts";
import { resolveChatLocale } from "../telegram/chat-settings.ts";
import { type RichText, toPlainText } from "../telegram/rich-text.ts";
import { cleanLine } from "../text.ts";
import { formatIsoTime, MINUTE, type Ms } from "../time.ts";
import {
  advanceNotice,
  CURRENT_RETENTION,
  ENDED_RETENTION,
  isCurrentNotice,
  type NoticeChange,
  type NoticeRecord,
  noticeKey,
  noticeSet,
  type Problem,
} from "./notice-record.ts";

type NoticeDeps = Pick<Deps, "store" | "settings" | "log" | "clock" | "notify"> & Partial<Pick<Deps, "telegram">>;

type RenderSettings = Pick<Settings, "locale" | "timezone">;

/** A notice that is kept outside the store. */
interface LocalNotice {
  record: NoticeRecord;
  /** Its message in Telegram, and what the message shows. */
  message?: { id: number; firstSince: Ms };
  shown?: string;
}

/** Local notices of one process, which outlive its settings, and the file in which they outlive the process. */
export interface LocalNotices {
  rows: Map<StoreKey, LocalNotice>;
  /** The store that worked last, also in an earlier process, and until when it had what happened in Plane. */
  alive?: { at: Ms; until: Ms; storeId: string };
  save?: (text: string) => void;
}

/** Interval between writes of the time at which the store worked. */
const ALIVE_INTERVAL: Ms = MINUTE;

/** The text of the file, which only this account can write. */
interface SavedNotices {
  alive?: { at: Ms; until: Ms; storeId: string };
  rows?: [StoreKey, LocalNotice][];
}

/** Length of a value from outside, such as the reason of a failure, in UTF-16 units. */
const VALUE_LIMIT = 500;

/** @param file reads and writes the text of the small file; both may fail */
export function createLocalNotices(file?: {
  read: () => string | undefined;
  write: (text: string) => void;
}): LocalNotices {
  let saved: SavedNotices = {};
  try {
    saved = JSON.parse(file?.read() ?? "{}");
  } catch {}
  const { alive, rows = [] } = saved;
  return { rows: new Map(rows), ...omitUndefined({ alive, save: file?.write }) };
}

/** The current notices, oldest first. Those in the store are left out while it does not answer. */
export async function readCurrentNotices(store: Pick<Store, "scan">, local: LocalNotices): Promise<NoticeRecord[]> {
  const stored = await readAllRows<NoticeRecord>({ store }, noticeSet).catch(() => []);
  const own = [...local.rows.values()].map(({ record }) => record).filter(isCurrentNotice);
  return [...own, ...stored.map(({ value }) => value)].sort((a, b) => a.since - b.since);
}

/** What is wrong with Plane, also before people are told of it: a key that is refused, no answer, failing polls, wrong lists. */
export async function readPlaneProblem(store: Pick<Store, "read">): Promise<NoticeRecord | undefined> {
  const kinds = ["plane_unreachable", "plane_refused", "polls_failing", "plane_list_wrong"] as const;
  const rows = await store.read<NoticeRecord>(kinds.map((kind) => noticeKey(kind)));
  return rows.find((row) => row && row.value.endedAt === undefined)?.value;
}

/**
 * The health of Plane by the latest calls and by what was found out about it, so that readiness, page and metrics
 * agree: a key that is refused is not well, whatever an earlier call has shown.
 */
export async function readPlaneHealth({ store, health }: Pick<Deps, "store" | "health">): Promise<ComponentHealth> {
  const [state, problem] = [health.get("plane"), await readPlaneProblem(store)];
  return problem ? { ...state, ok: false, error: problem.values["reason"] ?? problem.kind } : state;
}

export function createNotices(deps: NoticeDeps, local: LocalNotices): Notices {
  return {
    report: (kind, problem, subject) => report(deps, local, kind, problem, subject),
    async recordAlive(storeId, polledAt) {
      const [before, now] = [local.alive, deps.clock()];
      const isEmptied = before !== undefined && before.storeId !== storeId;
      if (isEmptied) {
        const formatTime = (at: Ms) => formatIsoTime(at, deps.settings.timezone);
        const values = { from: formatTime(before.until), until: formatTime(now) };
        await report(deps, local, "store_emptied", { values });
      }
      if (before && !isEmptied && Math.abs(now - before.at) < ALIVE_INTERVAL) return false;
      local.alive = { at: now, until: polledAt ?? now, storeId };
      saveLocalNotices(deps, local);
      return isEmptied;
    },
    async readCurrent() {
      const records = await readCurrentNotices(deps.store, local);
      return records.map((record) => renderNotice(record, deps.settings, deps.clock()));
    },
  };
}

async function report(
  deps: NoticeDeps,
  local: LocalNotices,
  kind: NoticeKind,
  problem: Problem | undefined,
  subject?: string,
): Promise<void> {
  const { after, isLocal } = getNoticeRules(kind);
  const key = noticeKey(kind, subject);
  const base = { kind, subject, problem: problem && cleanProblem(problem), after };
  if (isLocal || local.rows.has(key)) return reportLocally(deps, local, key, base);
  try {
    await reportToStore(deps, key, base);
  } catch (thrown) {
    // A store that answers may have stored the report after all: the next one finds out.
    const answers = await deps.store.now().then(Boolean, () => false);
    if (!problem || answers) throw thrown;
    await reportLocally(deps, local, key, base);
  }
}

type Report = Omit<Parameters<typeof advanceNotice>[1], "now">;

function cleanProblem({ values = {}, since }: Problem): Problem {
  const entries = Object.entries(values).map(([name, value]) => [
    name,
    cleanLine(value, VALUE_LIMIT).replace(/\.$/, ""),
  ]);
  return { values: Object.fromEntries(entries), ...omitUndefined({ since }) };
}

async function reportToStore(deps: NoticeDeps, key: StoreKey, report: Report): Promise<void> {
  await updateValue<NoticeRecord>(deps, key, async (stored, rev) => {
    if (!stored && !report.problem) return undefined;
    const next = advanceNotice(stored, { ...report, now: await deps.store.now() });
    if (!next) return undefined;
    const { record, change } = next;
    const isCurrent = isCurrentNotice(record);
    const put = {
      key,
      value: record,
      sets: isCurrent ? [noticeSet] : [],
      expires: isCurrent ? CURRENT_RETENTION : ENDED_RETENTION,
    };
    return {
      put: [put],
      jobs: change ? createMessageJobs(deps.settings, key, rev) : [],
      afterCommit() {
        if (!change) return;
        logChange(deps, next);
        deps.notify();
      },
    };
  });
}

/** The notice's message is sent or edited to the state in which the job finds the record. @param rev identifies the change */
function createMessageJobs({ telegram }: Pick<Settings, "telegram">, key: StoreKey, rev: number) {
  return telegram ? [createNoticeJob(telegram.chat, key, rev)] : [];
}

function logChange({ log, settings }: Pick<NoticeDeps, "log" | "settings">, { record, change }: NoticeChange): void {
  const { text } = renderNotice(record, { ...settings, locale: "en" }, record.seenAt);
  const fields = { kind: record.kind, ...omitUndefined({ subject: record.subject }), text };
  if (change === "ended") {
    const seconds = Math.round(((record.endedAt ?? record.since) - record.since) / 1000);
    log.warn("notice ended", { ...fields, seconds });
  } else log.error(change === "begun" ? "notice began" : "notice changed", fields);
}

async function reportLocally(deps: NoticeDeps, local: LocalNotices, key: StoreKey, report: Report): Promise<void> {
  const before = local.rows.get(key);
  const next = advanceNotice(before?.record, { ...report, now: deps.clock() });
  if (next?.change) logChange(deps, next);
  const record = next?.record ?? before?.record;
  if (!record) return;
  let row: LocalNotice = { ...before, record };
  local.rows.set(key, row);
  row = await showDirectly(deps, row);
  const { endedAt, times } = record;
  const isOver = endedAt !== undefined && (times === 0 || deps.clock() - endedAt > ENDED_RETENTION);
  if (isOver) local.rows.delete(key);
  else local.rows.set(key, row);
  if (next || row.shown !== before?.shown) saveLocalNotices(deps, local);
}

/** Sends or edits the message of a notice without the outbox. What Telegram does not take is tried at the next report. */
async function showDirectly({ telegram, settings, clock, log }: NoticeDeps, row: LocalNotice): Promise<LocalNotice> {
  const { record, message } = row;
  const { values, announcedAt, endedAt, firstSince } = record;
  if (!telegram || !settings.telegram || announcedAt === undefined) return row;
  const state = JSON.stringify([values, announcedAt, endedAt]);
  if (state === row.shown) return row;
  const { chat } = settings.telegram;
  const rich = renderNoticeMessage(record, { ...settings, locale: resolveChatLocale(settings, chat) }, clock());
  if (message?.firstSince === firstSince) {
    const outcome = await telegram.editMessage(chat, message.id, rich);
    const isSettled = outcome.kind === "edited" || outcome.kind === "gone";
    return isSettled ? { ...row, shown: state } : row;
  }
  const outcome = await telegram.sendMessage(chat, rich, toNoticeExtras(record));
  if (outcome.kind === "sent") return { ...row, shown: state, message: { id: outcome.messageId, firstSince } };
  log.warn("notice not sent", { kind: record.kind, outcome: outcome.kind });
  // It may have arrived, and a second one would be said for the same fault.
  return outcome.kind === "unknown" ? { ...row, shown: state } : row;
}

function saveLocalNotices({ log }: Pick<NoticeDeps, "log">, local: LocalNotices): void {
  try {
    const saved: SavedNotices = { ...omitUndefined({ alive: local.alive }), rows: [...local.rows] };
    local.save?.(JSON.stringify(saved));
  } catch (thrown) {
    log.debug("notices not saved", { error: getErrorMessage(thrown) });
  }
}

/** Renders a notice for the API and the page, in the language of the settings. @param now for times of the same day */
export function renderNotice(record: NoticeRecord, settings: RenderSettings, now: Ms): Notice {
  const { kind, since } = record;
  const language = resolveLocale(settings.locale);
  const { text, remedy } = getTexts(language).notices.kinds[kind];
  const values = {
    ...record.values,
    subject: record.subject ?? "",
    since: localizeMoment(language, settings.timezone, since, now),
  };
  return {
    kind,
    since: new Date(since).toISOString(),
    text: formatTemplate(text, values),
    remedy: formatTemplate(remedy, values),
  };
}

/** Renders the message of a notice: what is wrong and what to do, or that it is over and how long it lasted. */
export function renderNoticeMessage(record: NoticeRecord, settings: RenderSettings, now: Ms): RichText {
  const language = resolveLocale(settings.locale);
  const { notices } = getTexts(language);
  const formatTime = (at: Ms) => localizeMoment(language, settings.timezone, at, now);
  const times = record.times > 1 ? [fillTimes(language, record, formatTime)] : [];
  const { endedAt = 0, since } = record;
  if (isCurrentNotice(record)) {
    const { text, remedy } = renderNotice(record, settings, now);
    return toPlainText([`⚠️ ${text}`, `👉 ${remedy}`, ...times].join("\n"));
  }
  const over = formatTemplate(notices.kinds[record.kind].over, { ...record.values, subject: record.subject ?? "" });
  const duration = localizeDuration(language, endedAt - since);
  const lasted = formatTemplate(notices.lasted, { duration, since: formatTime(since), until: formatTime(endedAt) });
  return toPlainText([`✅ ${over} ${lasted}`, ...times].join("\n"));
}

function fillTimes(language: Locale, { times, firstSince }: NoticeRecord, formatTime: (at: Ms) => string): string {
  return formatTemplate(getTexts(language).notices.again, { n: String(times), since: formatTime(firstSince) });
}

export function toNoticeExtras({ kind }: NoticeRecord): { silent?: true } {
  return getNoticeRules(kind).isSilent ? { silent: true } : {};
}

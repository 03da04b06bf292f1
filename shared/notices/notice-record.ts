/** The life of one notice: from the reports of what observes it to its beginning, its changes and its end. Pure. */

import type { NoticeKind } from "../notice-kinds.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { SetName, StoreKey } from "../store/port.ts";
import { DAY, MINUTE, type Ms } from "../time.ts";

/** What is wrong: the values of the notice's text, without words that change by themselves, such as durations. */
export interface Problem {
  values?: Readonly<Record<string, string>>;
  /** When it began, if that is known; else when it is reported first. */
  since?: Ms;
}

/** A notice that is current, was current, or becomes current if its problem lasts. Times are those of the store. */
export interface NoticeRecord {
  kind: NoticeKind;
  /** What it is about, where there can be several of a kind: an agent's name, an alert. */
  subject?: string;
  values: Readonly<Record<string, string>>;
  /** Beginning of the present or last problem. */
  since: Ms;
  /** The last report of the problem that was stored. */
  seenAt: Ms;
  /** People were told of the present problem. */
  announcedAt?: Ms;
  endedAt?: Ms;
  /** Beginning of the first problem that this notice is about, and how often it was announced since. */
  firstSince: Ms;
  times: number;
}

export interface NoticeChange {
  record: NoticeRecord;
  change?: "begun" | "changed" | "ended";
}

/**
 * Longest time between two reports of a problem that was not announced: 3 minutes. After a longer pause (Groundcrew was
 * stopped) nothing is known about the time between them.
 */
const REPORT_GAP: Ms = 3 * MINUTE;

/**
 * What returns within 30 minutes is the same notice: its message is edited, so that something that fails again and
 * again sends one message.
 */
const RETURN_PERIOD: Ms = 30 * MINUTE;

/** Retention of a record after its last change: 90 days while it is current, 1 day afterwards. */
export const CURRENT_RETENTION: Ms = 90 * DAY;
export const ENDED_RETENTION: Ms = DAY;

/** The current notices. */
export const noticeSet: SetName = "notices";

export function noticeKey(kind: NoticeKind, subject?: string): StoreKey {
  return subject === undefined ? `notice:${kind}` : `notice:${kind}:${encodeURIComponent(subject)}`;
}

export function isCurrentNotice({ announcedAt, endedAt }: NoticeRecord): boolean {
  return announcedAt !== undefined && endedAt === undefined;
}

/**
 * Computes the next record from a report, and what people must be told; undefined when nothing changes.
 * @param after how long the problem must last before people are told
 */
export function advanceNotice(
  stored: NoticeRecord | undefined,
  report: { kind: NoticeKind; subject?: string | undefined; problem: Problem | undefined; after: Ms; now: Ms },
): NoticeChange | undefined {
  const { problem, now } = report;
  const present = stored && stored.endedAt === undefined ? stored : undefined;
  if (!problem) {
    if (!present) return undefined;
    const record = { ...present, endedAt: now };
    return present.announcedAt === undefined ? { record } : { record, change: "ended" };
  }
  const continues = present && (present.announcedAt !== undefined || now - present.seenAt <= REPORT_GAP);
  const before = continues ? present : createRecord(stored, report, problem);
  const { values = {} } = problem;
  const record = { ...before, values, seenAt: now };
  if (before.announcedAt === undefined) {
    if (now - record.since < report.after) return { record };
    return { record: { ...record, announcedAt: now, times: record.times + 1 }, change: "begun" };
  }
  return JSON.stringify(values) === JSON.stringify(before.values) ? undefined : { record, change: "changed" };
}

function createRecord(
  stored: NoticeRecord | undefined,
  { kind, subject, now }: { kind: NoticeKind; subject?: string | undefined; now: Ms },
  { since = now }: Problem,
): NoticeRecord {
  const returns = stored?.endedAt !== undefined && stored.times > 0 && now - stored.endedAt <= RETURN_PERIOD;
  const { firstSince, times } = returns ? stored : { firstSince: since, times: 0 };
  return { kind, ...omitUndefined({ subject }), values: {}, since, seenAt: now, firstSince, times };
}

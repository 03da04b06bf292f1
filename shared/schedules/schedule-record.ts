/**
 * Recurring work: a schedule is an entry of the settings file or a work item with the label `recurring`, its template.
 * Its record says which times are decided, and what came of the last one.
 */

import type { TaskDeps } from "../app/deps.ts";
import type { ScheduleRule, ScheduleSettings } from "../config/sections-schema.ts";
import type { CronRule, MissedTimes } from "../cron.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { ProjectRecord, Task } from "../records/plane-records.ts";
import { workKeys, workSets } from "../records/store-keys.ts";
import type { Put, Revision } from "../store/port.ts";
import { readAllRows } from "../store/records.ts";
import { isOpen, isOpenItem } from "../task/snapshot.ts";
import { findProject, findStoredTask } from "../tasks/find-task.ts";
import { getEndOfDay, MINUTE, type Ms, toZonedDate } from "../time.ts";

/** Recurring work as it is defined now. */
export interface Schedule {
  /** The name in the settings file, or Plane's id of the template. */
  id: string;
  name: string;
  rule: ScheduleRule;
  /** The rule's own time zone, or that of the settings. */
  timeZone: string;
  /** Undefined when Groundcrew knows no such project. */
  project: ProjectRecord | undefined;
  /** What each occurrence is made of: the entry of the settings file, or the template. */
  source: { settings: ScheduleSettings } | { template: Task };
}

/** One time of a schedule, and what was made for it. */
export interface Occurrence {
  /** When it was due, which is its identity. */
  time: Ms;
  /** 1 for the first one that was made. */
  number: number;
  /** Store time at which it was made; absent while that is under way. */
  madeAt?: Ms;
  /** It was made later than people may expect. */
  isLate?: true;
  /** A person asked for it, at no time of the schedule. */
  isExtra?: true;
  /** The last one is open: whoever has it is reminded, and nothing is made. */
  isReminder?: true;
  /** Earlier times for which nothing was made, because Groundcrew or Plane was away. */
  missed?: MissedTimes;
  /** Plane's ids of its tasks. */
  items: string[];
  /** Number of attempts that failed although Plane answers. */
  failures?: number;
}

/** Why nothing is made until somebody resumes the schedule. */
export interface SchedulePause {
  /** A person, by name; absent: Groundcrew, for this reason, which is a text in English. */
  by?: string;
  reason?: string;
  at: Ms;
  /** When Groundcrew resumes it by itself. */
  until?: Ms;
}

/** What became of a schedule's times on one day. */
export interface ScheduleDay extends Record<ScheduleOutcome, number> {
  /** `2026-11-21` */
  date: string;
}

/** `late`: made, but late; `skipped`: the last one was open, so nothing was made. */
export const SCHEDULE_OUTCOMES = ["made", "late", "skipped", "missed"] as const;

export type ScheduleOutcome = (typeof SCHEDULE_OUTCOMES)[number];

/** The stored state of a schedule. */
export interface ScheduleRecord {
  id: string;
  /** Of a template: its rule, which the template's card in Plane has as well. */
  rule?: ScheduleRule;
  /** The times for which the rest holds: when others are set, they count from then on. */
  times: string;
  /** Store time up to which every time is decided. */
  decidedUntil: Ms;
  /** The latest times that were decided, so that a clock that is set back decides none again. */
  decided: Ms[];
  /** Number of occurrences that were made. */
  number: number;
  /** The occurrence that is being made. */
  current?: Occurrence;
  /** The last one that was made. */
  last?: Occurrence;
  /** The times since then for which nothing was made, because the last occurrence was open. */
  skipped: Ms[];
  /** A person wants no further question about these. */
  isSkippingAccepted?: true;
  /** What became of the times of the last days, for the digest: the newest day, in the settings' time zone, last. */
  days?: ScheduleDay[];
  paused?: SchedulePause;
  /** Of a template: its card in Plane, and what that shows. */
  card?: { comment: string; html: string };
  /** Plane's time of the last change of a work item with the label that had no card. */
  searchedAt?: string;
}

/** A schedule with its stored state; `rev` is 0 when nothing is stored yet. */
export interface ScheduleState {
  schedule: Schedule;
  record: ScheduleRecord;
  rev: Revision;
}

type ScheduleDeps = Pick<TaskDeps, "store" | "settings">;

/** Limit of the remembered times: 50, which a clock that is set back by some weeks may reach again. */
const MAX_DECIDED = 50;

/** The times of a schedule. */
export function getCronRule({ rule, timeZone }: Pick<Schedule, "rule" | "timeZone">): CronRule {
  return { cron: rule.cron, timeZone };
}

/** Store time after which a schedule ends: the end of the day `until` in its time zone. */
export function getEnd({ rule: { until }, timeZone }: Pick<Schedule, "rule" | "timeZone">): Ms {
  return until === undefined ? Number.POSITIVE_INFINITY : getEndOfDay(timeZone, until);
}

/** Whether the settings file pauses the schedule. */
export function isPausedInSettings({ source }: Schedule): boolean {
  return "settings" in source && source.settings.paused;
}

/** Whether a schedule makes no more occurrences. */
export function hasEnded({ schedule, record }: Pick<ScheduleState, "schedule" | "record">, now: Ms): boolean {
  const { count } = schedule.rule;
  return (count !== undefined && record.number >= count) || now > getEnd(schedule);
}

/** What a change of makes the times begin anew. */
export function toTimesKey(schedule: Schedule): string {
  return `${schedule.rule.cron} ${schedule.timeZone}${isPausedInSettings(schedule) ? " paused" : ""}`;
}

/** The state of a schedule of which nothing is decided: its times count from now on. */
export function createScheduleRecord(schedule: Schedule, now: Ms): ScheduleRecord {
  const { id, rule, source } = schedule;
  return {
    id,
    ...("template" in source ? { rule } : {}),
    times: toTimesKey(schedule),
    decidedUntil: now,
    decided: [],
    number: 0,
    skipped: [],
  };
}

/** The record once this time is decided, at this store time. */
export function markDecided(record: ScheduleRecord, time: Ms, now: Ms): ScheduleRecord {
  return { ...record, decidedUntil: now, decided: [...record.decided, time].slice(-MAX_DECIDED) };
}

/** The record with this much more of an outcome on the day of a store time. */
export function countOutcome(
  record: ScheduleRecord,
  outcome: ScheduleOutcome,
  { timezone }: { timezone: string },
  now: Ms,
  n = 1,
): ScheduleRecord {
  const date = toZonedDate(timezone, now);
  const days = record.days ?? [];
  const today = days.find((day) => day.date === date) ?? { date, made: 0, late: 0, skipped: 0, missed: 0 };
  const others = days.filter((day) => day.date !== date).slice(-1);
  return { ...record, days: [...others, { ...today, [outcome]: today[outcome] + n }] };
}

/** Converts a schedule's state to its stored record. */
export function toSchedulePut(record: ScheduleRecord): Put {
  const sets = record.rule === undefined ? [] : [workSets.schedules];
  return { key: workKeys.schedule(record.id), value: record, sets };
}

/** Reads all schedules that exist now, those of the settings file first. Makes no request to Plane. */
export async function readSchedules(deps: ScheduleDeps): Promise<ScheduleState[]> {
  const { settings, store } = deps;
  const now = await store.now();
  const stored = await store.read<ScheduleRecord>(settings.schedules.map(({ name }) => workKeys.schedule(name)));
  const states: ScheduleState[] = [];
  for (const [i, entry] of settings.schedules.entries()) {
    const schedule = await createSettingsSchedule(deps, entry);
    const { value, rev } = stored[i] ?? { value: createScheduleRecord(schedule, now), rev: 0 };
    states.push({ schedule, record: value, rev });
  }
  for (const { value, rev } of await readAllRows<ScheduleRecord>(deps, workSets.schedules)) {
    const schedule = await findTemplateSchedule(deps, value);
    if (schedule) states.push({ schedule, record: value, rev });
  }
  return states;
}

/** Finds a schedule by its id; undefined when there is none. */
export async function findSchedule(deps: ScheduleDeps, id: string): Promise<ScheduleState | undefined> {
  return (await readSchedules(deps)).find(({ schedule }) => schedule.id === id);
}

async function createSettingsSchedule(deps: ScheduleDeps, settings: ScheduleSettings): Promise<Schedule> {
  const { name, cron, time_zone, due, blocked_by_previous, if_open, until, count } = settings;
  const rule = { cron, blocked_by_previous, if_open, ...omitUndefined({ time_zone, due, until, count }) };
  const project = await findProject(deps, settings.project);
  return { id: name, name, rule, timeZone: time_zone ?? deps.settings.timezone, project, source: { settings } };
}

/** The schedule of a stored record with a rule; undefined when its template is closed, gone or no template any more. */
async function findTemplateSchedule(deps: ScheduleDeps, { id, rule }: ScheduleRecord): Promise<Schedule | undefined> {
  const template = rule && (await findStoredTask(deps, id));
  if (!rule || !template?.item.template || template.item.removedAt !== undefined) return undefined;
  const { name, status } = template.item.snapshot;
  if (!isOpen(status)) return undefined;
  const timeZone = rule.time_zone ?? deps.settings.timezone;
  return { id, name, rule, timeZone, project: template.project, source: { template } };
}

/** Lateness from which an occurrence says that it is late: 10 min, longer than a restart takes. */
const LATE_AFTER: Ms = 10 * MINUTE;

/** Whether an occurrence of this time is late now. */
export function isLate(time: Ms, now: Ms): boolean {
  return now - time > LATE_AFTER;
}

/** Finds the first open task of an occurrence. */
export async function findOpenOccurrence(deps: ScheduleDeps, occurrence: Occurrence | undefined) {
  for (const id of occurrence?.items ?? []) {
    const task = await findStoredTask(deps, id);
    if (task && isOpenItem(task.item)) return task;
  }
  return undefined;
}

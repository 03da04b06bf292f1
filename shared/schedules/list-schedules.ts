/** Recurring work as people see it: in words, with its next times, its last occurrence and what stops it. */

import type { TaskDeps } from "../app/deps.ts";
import type { ScheduleRule } from "../config/sections-schema.ts";
import { listNextTimes, type MissedTimes } from "../cron.ts";
import { type Locale, resolveLocale } from "../i18n/localize.ts";
import { describeSchedule } from "../i18n/schedule-words.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Task } from "../records/plane-records.ts";
import { isOpenItem, type Status } from "../task/snapshot.ts";
import { findStoredTask } from "../tasks/find-task.ts";
import type { Ms } from "../time.ts";
import {
  findOpenOccurrence,
  getCronRule,
  getEnd,
  hasEnded,
  isPausedInSettings,
  type Occurrence,
  readSchedules,
  SCHEDULE_OUTCOMES,
  type ScheduleOutcome,
  type SchedulePause,
  type ScheduleState,
} from "./schedule-record.ts";

/** A schedule as `GET /api/schedules` answers it. Times are ISO 8601 in UTC. */
export interface ScheduleView {
  /** The name in the settings file, or Plane's id of the template. */
  id: string;
  name: string;
  /** When it recurs, in words. */
  text: string;
  /** Its next times, at most ten; none while it is paused and once it has ended. */
  next: string[];
  last?: OccurrenceView;
  /** `settings`: the settings file; `plane`: a work item with the label `recurring`. */
  origin: "settings" | "plane";
  cron: string;
  time_zone: string;
  if_open: ScheduleRule["if_open"];
  project?: string;
  /** The template's key and address. */
  key?: string;
  url?: string;
  /** Times since the last occurrence for which nothing was made, because it is open. */
  skipped?: string[];
  /** It makes nothing until it is resumed; without `by` Groundcrew has stopped it, for this reason. */
  paused?: { by?: string; reason?: string; since?: string };
  ended?: true;
}

/** The last occurrence of a schedule. */
interface OccurrenceView {
  time: string;
  number: number;
  late?: true;
  missed?: { count: number; from: string; to: string };
  /** Its tasks with what has become of each; people may have deleted some. */
  tasks: { key: string; title: string; status: Status; open: boolean; owners: string[]; url: string }[];
}

/** A time at which something will be made, of which schedule. */
export interface UpcomingTime {
  time: string;
  name: string;
}

/** Number of next times in a schedule's view, and of all together. */
const NEXT_TIMES = 10;

/** Lists all schedules, those of the settings file first. Makes no request to Plane. */
export async function listSchedules(deps: TaskDeps, locale?: Locale): Promise<ScheduleView[]> {
  const now = await deps.store.now();
  const language = locale ?? resolveLocale(deps.settings.locale);
  return Promise.all((await readSchedules(deps)).map((state) => toScheduleView(deps, state, language, now)));
}

/** The next ten times of all these schedules together, in their order. */
export function listUpcoming(schedules: readonly ScheduleView[]): UpcomingTime[] {
  const times = schedules.flatMap(({ name, next }) => next.map((time) => ({ time, name })));
  return times.sort((a, b) => a.time.localeCompare(b.time)).slice(0, NEXT_TIMES);
}

/** Describes one schedule at this store time. */
export async function toScheduleView(
  deps: TaskDeps,
  { schedule, record }: ScheduleState,
  locale: Locale,
  now: Ms,
): Promise<ScheduleView> {
  const { id, name, rule, timeZone, project, source } = schedule;
  const isEnded = hasEnded({ schedule, record }, now);
  const left = (rule.count ?? Number.POSITIVE_INFINITY) - record.number;
  const paused: Partial<SchedulePause> | undefined = record.paused ?? (isPausedInSettings(schedule) ? {} : undefined);
  const template = "template" in source ? source.template : undefined;
  const next =
    paused || isEnded ? [] : listNextTimes(getCronRule(schedule), now, Math.min(NEXT_TIMES, left), getEnd(schedule));
  return omitUndefined({
    id,
    name,
    text: describeTimes(schedule, locale),
    next: next.map(toIso),
    last: record.last && (await toOccurrenceView(deps, record.last)),
    origin: template ? ("plane" as const) : ("settings" as const),
    cron: rule.cron,
    time_zone: timeZone,
    if_open: rule.if_open,
    project: project?.identifier,
    key: template?.key,
    url: template?.url,
    skipped: record.skipped.length > 0 ? record.skipped.map(toIso) : undefined,
    paused:
      paused &&
      omitUndefined({ by: paused.by, reason: paused.reason, since: paused.at ? toIso(paused.at) : undefined }),
    ended: isEnded || undefined,
  }) as ScheduleView;
}

/** When a schedule recurs, in words; with its time zone where that is its own. */
export function describeTimes({ rule }: Pick<ScheduleState["schedule"], "rule">, locale: Locale): string {
  const words = describeSchedule(rule.cron, locale);
  return rule.time_zone === undefined ? words : `${words} (${rule.time_zone})`;
}

async function toOccurrenceView(deps: TaskDeps, { time, number, isLate, missed, items }: Occurrence) {
  const tasks = await Promise.all(items.map((id) => findStoredTask(deps, id)));
  return omitUndefined({
    time: toIso(time),
    number,
    late: isLate,
    missed: missed && toMissedView(missed),
    tasks: tasks.flatMap((task) => (task && task.item.removedAt === undefined ? [toTaskView(task)] : [])),
  });
}

function toTaskView({ key, url, item }: Task) {
  const { name, status } = item.snapshot;
  return { key, title: name, status, open: isOpenItem(item), owners: item.owners ?? [], url };
}

function toMissedView({ count, from, to }: MissedTimes) {
  return { count, from: toIso(from), to: toIso(to) };
}

function toIso(at: Ms): string {
  return new Date(at).toISOString();
}

/**
 * Reads what became of all schedules on a day of the settings' time zone: the sums, and what is open of those of which
 * something was skipped.
 */
export async function readScheduleDay(deps: Pick<TaskDeps, "store" | "settings">, date: string) {
  const counts: Record<ScheduleOutcome, number> = { made: 0, late: 0, skipped: 0, missed: 0 };
  const open: { name: string; task: Task }[] = [];
  for (const { schedule, record } of await readSchedules(deps)) {
    const day = record.days?.find((one) => one.date === date);
    if (!day) continue;
    for (const outcome of SCHEDULE_OUTCOMES) counts[outcome] += day[outcome];
    const task = day.skipped > 0 ? await findOpenOccurrence(deps, record.last) : undefined;
    if (task) open.push({ name: schedule.name, task });
  }
  return { counts, open };
}

/**
 * Recurring work comes due: what is decided for each time is stored before anything is made, so that after an
 * interruption the same is continued, and no time is decided twice. Times that passed while Groundcrew or Plane was
 * away count once, for the latest of them.
 */

import type { TaskDeps } from "../app/deps.ts";
import { type DueTimes, findDueTimes, listPreviousTimes, type MissedTimes } from "../cron.ts";
import { GroundcrewError, getErrorMessage } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { isTransientPlaneError } from "../plane/errors.ts";
import type { ProjectsReadRecord } from "../records/plane-records.ts";
import { observedKeys, workKeys } from "../records/store-keys.ts";
import { isRefusal } from "../refusals/render-refusal.ts";
import type { ValueUpdate } from "../store/records.ts";
import { type CallContext, createCallContext, SYSTEM_CALLER, withLock } from "../tasks/call-context.ts";
import { MINUTE, type Ms } from "../time.ts";
import { getSchedule, showChange } from "./change-schedule.ts";
import type { ScheduleView } from "./list-schedules.ts";
import { findMadeItem, makeOccurrence, OccurrenceProblem } from "./make-occurrence.ts";
import {
  countOutcome,
  createScheduleRecord,
  findOpenOccurrence,
  findSchedule,
  getCronRule,
  getEnd,
  hasEnded,
  isLate,
  isPausedInSettings,
  markDecided,
  type Occurrence,
  readSchedules,
  type Schedule,
  type ScheduleRecord,
  type ScheduleState,
  toSchedulePut,
  toTimesKey,
} from "./schedule-record.ts";
import { prepareQuestion, remind } from "./skipped-occurrences.ts";
import { restoreTemplates, writeTemplateCard } from "./template-card.ts";

/** Counts of one run, for the log. */
interface RunCounts {
  made: number;
  skipped: number;
  paused: number;
}

/** Limit of the remembered times that were skipped in a row. */
const MAX_SKIPPED = 10;

/** Limit of attempts at an occurrence that fails although Plane answers: 5, over five minutes. */
const MAX_FAILURES = 5;

/**
 * Makes what is due of all schedules, in the order of its times, so that several of one minute share Plane's quota in
 * order. Ends early when Plane cannot answer now: the next run continues.
 */
export async function runSchedules(deps: TaskDeps, correlation: string): Promise<RunCounts> {
  const counts: RunCounts = { made: 0, skipped: 0, paused: 0 };
  const [read] = await deps.store.read<ProjectsReadRecord>([observedKeys.projectsRead]);
  // Before Plane was read for the first time, every project is unknown.
  if (!read) return counts;
  await restoreTemplates(deps);
  const now = await deps.store.now();
  const due = (await readSchedules(deps)).flatMap((state) => {
    const time = findTimeToHandle(state, now);
    return time === undefined ? [] : [{ id: state.schedule.id, time }];
  });
  for (const { id } of due.sort((a, b) => a.time - b.time)) {
    const context = createCallContext(deps, SYSTEM_CALLER, correlation);
    const outcome = await runSchedule(context, id);
    if (outcome !== undefined) counts[outcome] += 1;
  }
  return counts;
}

/** The earliest time of a schedule that waits to be handled; undefined when nothing does. */
function findTimeToHandle({ schedule, record, rev }: ScheduleState, now: Ms): Ms | undefined {
  // Until the first read of a project is complete, it is unknown what is open in it.
  if (schedule.project?.baseline === false) return undefined;
  if (record.current) return record.current.time;
  if (record.paused?.until !== undefined && record.paused.until <= now) return now;
  if (rev === 0 || record.times !== toTimesKey(schedule) || now < record.decidedUntil) return now;
  const due = findDue(schedule, record, now);
  return due?.missed?.from ?? due?.time;
}

/** What of a schedule is due. */
function findDue(schedule: Schedule, record: ScheduleRecord, now: Ms): DueTimes | undefined {
  if (record.paused || isPausedInSettings(schedule) || hasEnded({ schedule, record }, record.decidedUntil)) return;
  return findDueTimes(getCronRule(schedule), record.decidedUntil, Math.min(now, getEnd(schedule)));
}

/** Handles what is due of one schedule; another run of it at the same time waits. */
async function runSchedule(context: CallContext, id: string): Promise<keyof RunCounts | undefined> {
  return withLock(context, "schedule", id, async () => {
    const found = await findSchedule(context.deps, id);
    const state = found && (await decide(context, found));
    if (!state?.record.current) return undefined;
    return carryOut(context, state, state.record.current);
  });
}

/** Makes an occurrence now, besides those of its times and whatever is open; repeating the call within a minute makes one. */
export async function runScheduleNow(context: CallContext, id: string): Promise<ScheduleView> {
  const { deps } = context;
  await withLock(context, "schedule", id, async () => {
    const state = await getSchedule(context, id);
    const now = await deps.store.now();
    const time = Math.floor(now / MINUTE) * MINUTE;
    const { record } = state;
    if (record.current) throw createBusyError(state.schedule);
    if (record.last?.isExtra && record.last.time === time) return;
    const current: Occurrence = { time, number: record.number + 1, items: [], isExtra: true };
    const decided = await save(deps, { ...state, record: { ...record, current } });
    if (!decided) throw createBusyError(state.schedule);
    if ((await carryOut(context, decided, current)) === "paused")
      throw new GroundcrewError("conflict", `${state.schedule.name} was paused: ${await readPauseReason(deps, id)}.`);
  });
  return showChange(context, id);
}

async function readPauseReason(deps: TaskDeps, id: string): Promise<string> {
  const reason = (await findSchedule(deps, id))?.record.paused?.reason ?? "";
  return reason.replace(/\.$/, "");
}

function createBusyError({ name }: Schedule): GroundcrewError {
  return new GroundcrewError("conflict", `An occurrence of ${name} is being created. Try again in a minute.`, {
    refusal: { name: "scheduleBusy", values: { name } },
  });
}

/** Stores what is decided about a schedule now; undefined when another process has changed it meanwhile. */
async function decide(context: CallContext, state: ScheduleState): Promise<ScheduleState | undefined> {
  const { schedule } = state;
  const { deps, correlation } = context;
  const now = await deps.store.now();
  let record = await updateTimes(context, state, now);
  const due = findDue(schedule, record, now);
  const { current } = record;
  let question: ValueUpdate = {};
  if (due && record.decided.includes(due.time)) record = { ...record, decidedUntil: now };
  else if (due && current) {
    // Its tasks were not made before the next time: if Plane has none of them, that time was missed.
    if (!current.isExtra && (await findMadeItem(context, schedule, current.time)) === undefined)
      record = startOccurrence(markDecided(record, due.time, now), due, now, current);
  } else if (due) {
    record = markDecided(record, due.time, now);
    const open = schedule.rule.if_open === "create" ? undefined : await findOpenOccurrence(deps, record.last);
    if (!open) record = startOccurrence(record, due, now);
    else {
      const skipped = [...record.skipped, due.time].slice(-MAX_SKIPPED);
      record = countOutcome({ ...record, skipped }, "skipped", deps.settings, now);
      if (schedule.rule.if_open === "remind")
        record = { ...record, current: { time: due.time, number: record.number, items: [], isReminder: true } };
      else question = await prepareQuestion(deps, schedule, record, open, correlation);
    }
  }
  return record === state.record ? state : save(deps, { ...state, record }, question);
}

/** The record for the present rule and clock, and whether a pause of Groundcrew's own is over. */
async function updateTimes(context: CallContext, state: ScheduleState, now: Ms): Promise<ScheduleRecord> {
  const { schedule } = state;
  const stored = state.rev === 0 ? await createFirstRecord(context, schedule, now) : state.record;
  const times = toTimesKey(schedule);
  const { paused, ...rest } = stored;
  if (paused?.until !== undefined && paused.until <= now) return { ...rest, times, decidedUntil: now };
  if (stored.times !== times) return { ...stored, times, decidedUntil: now };
  // The clock was set back.
  return stored.decidedUntil > now ? { ...stored, decidedUntil: now } : stored;
}

function startOccurrence(record: ScheduleRecord, { time, missed }: DueTimes, now: Ms, replaced?: Occurrence) {
  const before = replaced && addMissed(replaced.missed, { count: 1, from: replaced.time, to: replaced.time });
  const all = before ? addMissed(before, missed) : missed;
  const late = isLate(time, now) ? ({ isLate: true } as const) : {};
  const current: Occurrence = {
    time,
    number: record.number + 1,
    items: [],
    ...late,
    ...omitUndefined({ missed: all }),
  };
  return { ...record, current };
}

function addMissed(earlier: MissedTimes | undefined, later: MissedTimes): MissedTimes;
function addMissed(earlier: MissedTimes | undefined, later: MissedTimes | undefined): MissedTimes | undefined;
function addMissed(earlier: MissedTimes | undefined, later: MissedTimes | undefined): MissedTimes | undefined {
  if (!earlier || !later) return earlier ?? later;
  return { count: earlier.count + later.count, from: earlier.from, to: later.to };
}

/**
 * The record of a schedule that is seen for the first time: its times count from now on. After the store was lost,
 * Plane still has what was made: the times after the last of it count, too.
 */
async function createFirstRecord(context: CallContext, schedule: Schedule, now: Ms): Promise<ScheduleRecord> {
  const record = createScheduleRecord(schedule, now);
  for (const time of listPreviousTimes(getCronRule(schedule), now, 2)) {
    const item = await findMadeItem(context, schedule, time);
    if (!item) continue;
    const [, n = "1"] = /data-groundcrew-occurrence="(\d+)"/.exec(item.description) ?? [];
    const last: Occurrence = { time, number: Number(n), items: [item.id], madeAt: time };
    return { ...record, decidedUntil: time, decided: [time], number: last.number, last };
  }
  return record;
}

/** Makes the present occurrence of a schedule and stores it as the last one. */
async function carryOut(
  context: CallContext,
  state: ScheduleState,
  current: Occurrence,
): Promise<keyof RunCounts | undefined> {
  const { deps, correlation } = context;
  const { schedule, record } = state;
  try {
    if (current.isReminder) return await remindOfOpen(context, state, current);
    const items = await makeOccurrence(context, schedule, current, record.last?.items ?? []);
    const madeAt = await deps.store.now();
    const { failures: _, ...made } = current;
    const { current: __, isSkippingAccepted: ___, ...rest } = record;
    const last: Occurrence = { ...made, items, madeAt };
    const counted = countOutcome(
      { ...rest, number: current.number, last, skipped: [] },
      current.isLate ? "late" : "made",
      deps.settings,
      madeAt,
    );
    const missed = current.missed?.count ?? 0;
    const next = missed > 0 ? countOutcome(counted, "missed", deps.settings, madeAt, missed) : counted;
    const saved = await save(deps, { ...state, record: next });
    if (saved) await showOnCard(deps, saved);
    deps.log.info("occurrence created", {
      correlation,
      schedule: schedule.id,
      time: new Date(current.time).toISOString(),
    });
    return "made";
  } catch (thrown) {
    const failures = (current.failures ?? 0) + 1;
    const mustPause = thrown instanceof OccurrenceProblem || isRefusal(thrown) || failures >= MAX_FAILURES;
    if (!mustPause && isTransientPlaneError(thrown)) throw thrown;
    const reason = getErrorMessage(thrown).replace(/\.$/, "");
    if (!mustPause) {
      deps.log.warn("occurrence failed", { correlation, schedule: schedule.id, error: reason });
      await save(deps, { ...state, record: { ...record, current: { ...current, failures } } });
      return undefined;
    }
    await pauseSchedule(deps, state, {
      reason,
      ...omitUndefined({ until: thrown instanceof OccurrenceProblem ? thrown.until : undefined }),
    });
    return "paused";
  }
}

async function remindOfOpen(context: CallContext, state: ScheduleState, { time }: Occurrence): Promise<"skipped"> {
  const { current: _, ...record } = state.record;
  const open = await findOpenOccurrence(context.deps, record.last);
  if (open) await remind(context, state.schedule, open, time);
  await save(context.deps, { ...state, record });
  return "skipped";
}

/** Pauses a schedule until somebody resumes it; what was due is not made. */
async function pauseSchedule(deps: TaskDeps, state: ScheduleState, why: { reason: string; until?: Ms }): Promise<void> {
  const { current: _, ...record } = state.record;
  const paused = { ...why, at: await deps.store.now() };
  const saved = await save(deps, { ...state, record: { ...record, paused } });
  if (saved) await showOnCard(deps, saved);
  deps.log.warn("schedule paused", { schedule: state.schedule.id, reason: why.reason });
}

/** Shows the state on the template's card; what fails is shown with the next change. */
async function showOnCard(deps: TaskDeps, state: ScheduleState): Promise<void> {
  await writeTemplateCard(deps, state).catch((thrown: unknown) => {
    deps.log.warn("card of a template not written", { schedule: state.schedule.id, error: getErrorMessage(thrown) });
  });
}

/** Stores a schedule's record; undefined when it was changed meanwhile. */
async function save(
  { store }: Pick<TaskDeps, "store">,
  { schedule, record, rev }: ScheduleState,
  { expect = [], put = [], jobs = [], afterCommit }: ValueUpdate = {},
): Promise<ScheduleState | undefined> {
  const key = workKeys.schedule(record.id);
  const outcome = await store.commit({ expect: [[key, rev], ...expect], put: [toSchedulePut(record), ...put], jobs });
  if (outcome === "committed") await afterCommit?.();
  const [stored] = outcome === "committed" ? await store.read<ScheduleRecord>([key]) : [];
  return stored && { schedule, record: stored.value, rev: stored.rev };
}

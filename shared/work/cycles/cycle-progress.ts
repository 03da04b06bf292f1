import type { Deps } from "../../app/deps.ts";
import type { KeptCycleItems } from "../../observe/cycle-items.ts";
import { observedKeys, observedSets } from "../../observe/store-keys.ts";
import type { KeptCycle, KeptProject } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { readAllRows } from "../../store/scan-set.ts";
import { isOpen } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { DAY, type Ms } from "../../time.ts";
import { type Task, toTask } from "../tasks/find-task.ts";

/** A cycle with its project. */
export interface ProjectCycle {
  project: KeptProject;
  cycle: KeptCycle;
}

/** How far a cycle is. */
export interface CycleProgress extends ProjectCycle {
  /** Number of tasks that are done, and of all tasks; as far as the items are unknown, Plane's counts. */
  done: number;
  total: number;
  /** Number of tasks that are neither done nor cancelled. */
  left: number;
  /** The open tasks; empty while the items are unknown. */
  open: Task[];
  /** When the last task is done at the pace since the cycle began; absent without enough data, or when none is left. */
  forecast?: CycleForecast;
}

export interface CycleForecast {
  /** Store time. */
  at: Ms;
  /** Number of tasks that were done per day. */
  perDay: number;
}

type ProgressDeps = Pick<Deps, "store" | "settings">;

/** Minimum duration since a cycle began for a forecast: 1 day. */
const FORECAST_MIN_MS: Ms = DAY;
/** Limit of a forecast: 2 years. A slower pace is no forecast. */
const FORECAST_MAX_MS: Ms = 730 * DAY;

/** Reads the cycles of these projects from the store, those that end first at the beginning. */
export async function listCycles(deps: Pick<Deps, "store">, projects: readonly KeptProject[]): Promise<ProjectCycle[]> {
  const lists = await Promise.all(
    projects.map(async (project) => {
      const rows = await readAllRows<KeptCycle>(deps, observedSets.cycles(project.id));
      return rows.map(({ value }) => ({ project, cycle: value }));
    }),
  );
  return lists.flat().sort((a, b) => ((a.cycle.end ?? "9") < (b.cycle.end ?? "9") ? -1 : 1));
}

/** Reads a cycle's progress from the stored items and their present status, without a request to Plane. */
export async function readCycleProgress(deps: ProgressDeps, { project, cycle }: ProjectCycle): Promise<CycleProgress> {
  const [kept] = await deps.store.read<KeptCycleItems>([observedKeys.cycleItems(cycle.id)]);
  const now = await deps.store.now();
  if (!kept) {
    const { done, total, cancelled = 0 } = cycle;
    return { project, cycle, done, total, left: Math.max(0, total - done - cancelled), open: [] };
  }
  const stored = await deps.store.read<KeptItem>(kept.value.items.map(observedKeys.item));
  const listed = stored.filter((item) => item?.value.gone === undefined);
  const done = listed.filter((item) => item?.value.snapshot.word === "done");
  const cancelled = listed.filter((item) => item?.value.snapshot.word === "cancelled");
  const open = listed.flatMap((item) =>
    item && isOpen(item.value.snapshot.word) ? [toTask(deps, item.value, item.rev, project)] : [],
  );
  const left = listed.length - done.length - cancelled.length;
  const begin = cycle.start === null ? undefined : Date.parse(cycle.start);
  const doneInCycle = done.filter(
    (item) => begin !== undefined && Date.parse(item?.value.snapshot.completedAt ?? "") >= begin,
  );
  const forecast =
    cycle.phase === "current" && begin !== undefined
      ? forecastCycle({ begin, now, done: doneInCycle.length, left })
      : undefined;
  return { project, cycle, done: done.length, total: listed.length, left, open, ...omitUndefined({ forecast }) };
}

/** Forecasts when a cycle's tasks are done: the rest at the pace since it began. Pure. */
export function forecastCycle({
  begin,
  now,
  done,
  left,
}: {
  begin: Ms;
  now: Ms;
  done: number;
  left: number;
}): CycleForecast | undefined {
  const elapsed = now - begin;
  if (left === 0 || done === 0 || elapsed < FORECAST_MIN_MS) return undefined;
  const remaining = (elapsed / done) * left;
  if (remaining > FORECAST_MAX_MS) return undefined;
  return { at: now + remaining, perDay: (done * DAY) / elapsed };
}

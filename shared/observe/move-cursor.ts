import { omitUndefined } from "../omit-undefined.ts";
import { shiftPlaneTime } from "../plane/time.ts";
import type { Job } from "../store/job-operations.ts";
import { updateValue } from "../store/update.ts";
import { MINUTE } from "../time.ts";
import { countUnreadBlockers } from "./first-look.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { isNewProject, toProjectPut } from "./project-record.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/**
 * Overlap with the previous pass: 10 minutes before the cursor, because Plane may list a change later than its
 * `updated_at`.
 */
const LOOK_BACK_MS = 10 * MINUTE;

/** Returns Plane's time down to which the next pass reads; empty where it reads everything. */
export function getReadDepth(project: KeptProject): string {
  if (!project.baseline) return "";
  return project.settled === project.cursor ? project.cursor : shiftPlaneTime(project.cursor, -LOOK_BACK_MS);
}

interface CursorUpdate {
  /** `updated_at` of the newest item that was read. */
  cursor: string;
  /** Plane's time of the first answer. */
  date: string;
  /** Number of items that were read. */
  window: number;
}

/** Stores how far a project was read, which ends its baseline, with the jobs that follow from the pass. */
export async function moveCursor(
  deps: ObserveDeps,
  project: KeptProject,
  update: CursorUpdate,
  jobs: Job[],
): Promise<void> {
  const key = observedKeys.project(project.id);
  await updateValue<KeptProject>(deps, key, async (kept) => {
    if (!kept) return undefined;
    const { settled: _, listed: __, ...rest } = kept;
    const unread = kept.baseline ? undefined : await countUnreadBlockers(deps);
    const isQuiet = update.date >= shiftPlaneTime(update.cursor, LOOK_BACK_MS);
    // A new project's completion is an event, even when its first pass already finds it complete.
    const completedAtBaseline = !kept.baseline && !isNewProject(kept) && (await hasOnlyClosedItems(deps, project.id));
    const next: KeptProject = {
      ...rest,
      began: kept.began || project.began,
      baseline: true,
      cursor: update.cursor,
      window: update.window,
      completed: kept.completed || completedAtBaseline,
      ...omitUndefined({
        settled: isQuiet ? update.cursor : undefined,
        completedAtBaseline: completedAtBaseline || kept.completedAtBaseline ? true : undefined,
        unreadBlockers: unread ? unread.tasks + unread.items : kept.unreadBlockers,
      }),
    };
    if (JSON.stringify(next) === JSON.stringify(kept)) return undefined;
    return { put: [toProjectPut(next)], jobs };
  });
}

async function hasOnlyClosedItems(deps: ObserveDeps, project: string): Promise<boolean> {
  const [open, total] = await Promise.all([
    deps.store.count(observedSets.open(project)),
    deps.store.count(observedSets.items(project)),
  ]);
  return open === 0 && total > 0;
}

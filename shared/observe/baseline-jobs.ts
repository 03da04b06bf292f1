import {
  createBackfillRelationsJob,
  createBlockedByTextJob,
  createProjectCheckJob,
  createReadCyclesJob,
} from "../jobs/observe-jobs.ts";
import { keepDefined } from "../keep-defined.ts";
import type { Job } from "../store/port.ts";
import { scanPages } from "../store/scan-set.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { mayContainBlockedByText } from "./blocked-by-text.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { observedSets } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/**
 * Queues the reads of dependencies and returns the jobs that must be written together with the end of the baseline.
 * Called before the baseline is marked complete: an interrupted baseline starts again and queues all of them again.
 */
export async function prepareBaselineJobs(
  deps: Pick<ObserveDeps, "store">,
  project: KeptProject,
  correlation: string,
): Promise<Job[]> {
  await queueBackfill(deps, project.id, correlation);
  return keepDefined([
    createProjectCheckJob(project.id, "baseline"),
    project.cycles ? createReadCyclesJob(project.id, "baseline", correlation) : undefined,
  ]);
}

/**
 * Queues one read of the dependencies of every existing open item, with low priority. Jobs for relations or "Blocked
 * by" lines that this version of Plane does not use end without a request.
 */
async function queueBackfill(deps: Pick<ObserveDeps, "store">, project: string, correlation: string): Promise<void> {
  for await (const page of scanPages<KeptItem>(deps, observedSets.open(project))) {
    const jobs = page.flatMap(({ value, rev }) =>
      keepDefined([
        value.detailsAt === undefined ? undefined : createBackfillRelationsJob(value.snapshot, correlation),
        mayContainBlockedByText(value) ? createBlockedByTextJob(value.snapshot, rev) : undefined,
      ]),
    );
    await deps.store.commit({ jobs });
  }
}

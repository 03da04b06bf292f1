import { createBlockedByTextJob, createProjectCheckJob, createReadCyclesJob } from "../jobs/observe-jobs.ts";
import { keepDefined } from "../keep-defined.ts";
import type { Job } from "../store/job-operations.ts";
import { scanPages } from "../store/scan-set.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { mayContainBlockedByText } from "./blocked-by-text.ts";
import { toUnobservedPut } from "./item-put.ts";
import type { ObserveDeps } from "./observe-item.ts";
import { prepareDetailsRequest, requestItemDetails } from "./request-details.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptProject } from "./stored-records.ts";

/**
 * Queues the reads of dependencies and returns the jobs that must be written together with the end of the baseline.
 * Called before the baseline is marked complete: an interrupted baseline starts again and queues all of them again.
 */
export async function prepareBaselineJobs(
  deps: Pick<ObserveDeps, "store" | "ruleSets">,
  project: KeptProject,
  correlation: string,
): Promise<Job[]> {
  await queueBackfill(deps, project, correlation);
  return keepDefined([
    createProjectCheckJob(project.id, "baseline"),
    project.cycles ? createReadCyclesJob(project.id, "baseline", correlation) : undefined,
  ]);
}

/**
 * Requests one read of the dependencies of every existing open item, with low priority, unless they were read already.
 * Reads of relations or "Blocked by" lines that this version of Plane does not use end without a request.
 */
async function queueBackfill(
  deps: Pick<ObserveDeps, "store" | "ruleSets">,
  project: KeptProject,
  correlation: string,
): Promise<void> {
  const source = { project, correlation };
  for await (const page of scanPages<KeptItem>(deps, observedSets.open(project.id))) {
    const relations = await deps.store.read(page.map(({ value }) => observedKeys.relations(value.snapshot.id)));
    const unread = page.filter(({ value }, i) => value.detailsAt !== undefined && !relations[i]);
    const requests = keepDefined(
      await Promise.all(
        unread.map(async ({ value, rev }) => {
          const requested = await prepareDetailsRequest(deps, value, { before: value, rev }, source, "backfill");
          return requested && { ...requested, rev };
        }),
      ),
    );
    const outcome = await deps.store.commit({
      expect: requests.map(({ item, rev }) => [observedKeys.item(item.snapshot.id), rev]),
      put: requests.map(({ item, rev }) => toUnobservedPut(item, rev)),
      jobs: requests.flatMap(({ jobs }) => jobs),
    });
    if (outcome === "stale")
      for (const { item } of requests) await requestItemDetails(deps, item.snapshot.id, source, "backfill");
    const jobs = page.flatMap(({ value, rev }) =>
      mayContainBlockedByText(value) ? [createBlockedByTextJob(value.snapshot, rev)] : [],
    );
    if (jobs.length > 0) await deps.store.commit({ jobs });
  }
}

import { readLongHolds } from "../../shared/app/long-holds.ts";
import type { StoreHealth } from "../../shared/app/store-health.ts";
import { decisionSet } from "../../shared/decision-log/decision-log.ts";
import type { FirstLook } from "../../shared/health.ts";
import { keepDefined } from "../../shared/keep-defined.ts";
import { readFirstLook } from "../../shared/observe/first-look.ts";
import { observedSets } from "../../shared/observe/store-keys.ts";
import type { KeptProject } from "../../shared/observe/stored-records.ts";
import { findCapacityWarnings } from "../../shared/store/capacity.ts";
import type { SetName, Store } from "../../shared/store/port.ts";
import { readAllRows } from "../../shared/store/scan-set.ts";
import { chatMessageSet } from "../../shared/telegram/message-log.ts";
import { ticketSets } from "../../shared/tickets/ticket.ts";
import { MINUTE } from "../../shared/time.ts";
import type { KeptClaim } from "../../shared/work/claims/find-claim.ts";
import { workKeys, workSets } from "../../shared/work/context/work-keys.ts";
import type { PlanRun } from "../../shared/work/plan-runs/plan-run.ts";

interface RevisionDeps {
  store: Store;
  storeHealth: Pick<StoreHealth, "getWriteFailure" | "getCapacity">;
}

/** Number of newest rows that are checked: commits of one moment have no order, and older messages may be edited. */
const NEWEST_COUNT = 10;

/**
 * Reads a text that changes whenever the page has something new to show. It depends on the store, so it includes changes
 * by other processes and survives restarts, and on whether this process can write to it.
 */
export async function readRevision({ store, storeHealth }: RevisionDeps): Promise<string> {
  const [decisionRev, messageRev, projects, claims, plans, { queues }, holds, firstLook, uploads, running, runners] =
    await Promise.all([
      readNewestRev(store, decisionSet),
      readNewestRev(store, chatMessageSet),
      readAllRows<KeptProject>({ store }, observedSets.projects),
      readAllRows<KeptClaim>({ store }, workSets.claims),
      readAllRows({ store }, workSets.planRuns),
      store.stats(),
      readLongHolds(store),
      readFirstLook({ store }),
      readAllRows({ store }, workSets.uploads),
      readAllRows<PlanRun>({ store }, workSets.unfinishedPlanRuns),
      store.count(ticketSets.runners),
    ]);
  // Every poll that found a change has advanced its project's cursor.
  const cursors = Math.max(0, ...projects.map((row) => row.rev));
  // Every call of an agent renews its claim, so times are rounded to minutes to avoid needless updates.
  const claimSum = claims.reduce((sum, { value }) => sum + value.fence + Math.floor(value.until / MINUTE), 0);
  const planRev = Math.max(0, ...plans.map((row) => row.rev));
  const deadCount = Object.values(queues).reduce((sum, queue) => sum + queue.dead, 0);
  const failureCount = storeHealth.getWriteFailure() === undefined ? 0 : 1;
  const warningCount = findCapacityWarnings(storeHealth.getCapacity()).length;
  const minutesLeft = [holds.plane, holds.telegram].map((left = 0) => Math.ceil(left / MINUTE));
  const progress = [
    ...describeFirstLook(firstLook),
    // A record of an upload is renewed once a second; one that ends is missing.
    uploads.length,
    Math.max(0, ...uploads.map((row) => row.rev)),
    await readPlanRev(
      store,
      running.map(({ value }) => value),
    ),
  ];
  const troubles = [failureCount, warningCount, ...minutesLeft];
  return [decisionRev, messageRev, cursors, claimSum, planRev, deadCount, runners, ...troubles, ...progress].join(".");
}

/** In steps of ten, because a read ends every second. */
function describeFirstLook(firstLook: FirstLook | undefined): number[] {
  if (!firstLook) return [];
  const { projects_left, tasks_left, items_left, percent } = firstLook;
  return [projects_left, Math.ceil((tasks_left + items_left) / 10), percent];
}

/** The steps of a plan are recorded with its project. */
async function readPlanRev(store: Pick<Store, "read">, runs: readonly PlanRun[]): Promise<number> {
  const rows = await store.read(keepDefined(runs.map(({ project }) => project)).map(workKeys.plan));
  return Math.max(0, ...rows.map((row) => row?.rev ?? 0));
}

async function readNewestRev(store: Pick<Store, "scan">, set: SetName): Promise<number> {
  const { rows } = await store.scan(set, undefined, NEWEST_COUNT);
  return Math.max(0, ...rows.map((row) => row.rev));
}

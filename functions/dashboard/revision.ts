import { readLongHolds } from "../../shared/app/long-holds.ts";
import type { StoreHealth } from "../../shared/app/store-health.ts";
import { decisionSet } from "../../shared/decision-log/decision-log.ts";
import { observedSets } from "../../shared/observe/store-keys.ts";
import type { KeptProject } from "../../shared/observe/stored-records.ts";
import { findCapacityWarnings } from "../../shared/store/capacity.ts";
import type { SetName, Store } from "../../shared/store/port.ts";
import { readAllRows } from "../../shared/store/scan-set.ts";
import { chatMessageSet } from "../../shared/telegram/message-log.ts";
import { MINUTE } from "../../shared/time.ts";
import type { KeptClaim } from "../../shared/work/claims/find-claim.ts";
import { workSets } from "../../shared/work/context/work-keys.ts";

interface RevisionDeps {
  store: Pick<Store, "scan" | "stats" | "listHolds" | "now">;
  storeHealth: Pick<StoreHealth, "getWriteFailure" | "getCapacity">;
}

/** Number of newest rows that are checked: commits of one moment have no order, and older messages may be edited. */
const NEWEST_COUNT = 10;

/**
 * Reads a text that changes whenever the page has something new to show. It depends on the store, so it includes changes
 * by other processes and survives restarts, and on whether this process can write to it.
 */
export async function readRevision({ store, storeHealth }: RevisionDeps): Promise<string> {
  const [decisionRev, messageRev, projects, claims, plans, { queues }, holds] = await Promise.all([
    readNewestRev(store, decisionSet),
    readNewestRev(store, chatMessageSet),
    readAllRows<KeptProject>({ store }, observedSets.projects),
    readAllRows<KeptClaim>({ store }, workSets.claims),
    readAllRows({ store }, workSets.planRuns),
    store.stats(),
    readLongHolds(store),
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
  const troubles = [failureCount, warningCount, ...minutesLeft];
  return [decisionRev, messageRev, cursors, claimSum, planRev, deadCount, ...troubles].join(".");
}

async function readNewestRev(store: Pick<Store, "scan">, set: SetName): Promise<number> {
  const { rows } = await store.scan(set, undefined, NEWEST_COUNT);
  return Math.max(0, ...rows.map((row) => row.rev));
}

/**
 * Ticks about what Groundcrew itself keeps, without requests to Plane: a probe of the store, the shortening of long
 * the trimming of logs, and the figures for page and metrics.
 */

import { auditSets } from "../shared/app/audit-log.ts";
import type { Deps, Notices, Tick } from "../shared/app/deps.ts";
import { STORE_NOTICES } from "../shared/app/health.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { decisionSet } from "../shared/records/decision-log.ts";
import type { ProjectsReadRecord } from "../shared/records/plane-records.ts";
import { observedKeys } from "../shared/records/store-keys.ts";
import { findCapacityWarnings, type SetName, type StoreCapacity, type StoreKey } from "../shared/store/port.ts";
import { claimStoreFormat } from "../shared/store/store-format.ts";
import { notifyBudget, refreshBudget, refreshConfidence } from "../shared/tasks/forecast.ts";
import { refreshTaskTotals } from "../shared/tasks/task-counts.ts";
import { chatMessageSet } from "../shared/telegram/message-log.ts";

const probeKey: StoreKey = "store-probe";

/** Size of a probe: 8 KiB, more than most webhooks need, because a nearly full store may accept only smaller writes. */
const PROBE_SIZE = 8 * 1024;

/**
 * MONITOR-01: writes a probe to the store and reads its capacity for `/health`, `/ready`, the metrics and the page. It
 * runs every 15 s: a failure is reported after the first failed probe, its end after two that were written, so both
 * within a minute.
 */
export const storeTick: Tick = {
  name: "store",
  cron: () => "*/15 * * * * *",
  sideBySide: true,
  async run({ store, storeHealth, notices, clock, log, requestPoll }) {
    try {
      storeHealth.recordCapacity(await store.readCapacity());
    } catch (thrown) {
      storeHealth.recordCapacity({});
      log.debug("the store's capacity is unknown", { error: getErrorMessage(thrown) });
    }
    const isWritten = await store
      .commit({ put: [{ key: probeKey, value: { at: clock(), text: "-".repeat(PROBE_SIZE) } }] })
      .then(storeHealth.recordProbeSuccess)
      // The store's wrapper has recorded the failure.
      .catch(() => false);
    const failure = storeHealth.getFailure();
    for (const kind of STORE_NOTICES)
      await notices.report(kind, failure?.kind === kind ? { values: { reason: failure.reason } } : undefined);
    if (failure === undefined) {
      // What was in the store is read from Plane again.
      const [poll] = await store.read<ProjectsReadRecord>([observedKeys.projectsRead]);
      const isEmptied = await notices.recordAlive(await claimStoreFormat(store), poll?.value.at);
      if (isEmptied) requestPoll("the store was emptied");
      await reportLittleSpace(notices, storeHealth.getCapacity());
    }
    return { failed: isWritten === false ? 1 : 0 };
  },
};

/** Reports a store that will soon be full, without figures, which change all the time. */
async function reportLittleSpace(notices: Notices, capacity: StoreCapacity): Promise<void> {
  const [warning] = findCapacityWarnings(capacity);
  const reason = warning && { disk: "the disk of the store", memory: "Redis' memory (maxmemory)" }[warning.kind];
  await notices.report("space_low", reason === undefined ? undefined : { values: { reason } });
}

/**
 * Checks the embedded file for damage, at the start and once a day at a quiet hour; some milliseconds for each
 * megabyte, in steps between which requests are handled. What is damaged stays reported until a check finds nothing.
 */
export const damageTick: Tick = {
  name: "damage",
  cron: () => "41 3 * * *",
  async run({ store, storeHealth }) {
    const damage = await store.findDamage?.();
    storeHealth.recordDamage(damage);
    return { damaged: damage === undefined ? 0 : 1 };
  },
};

/**
 * Limits of rows per set, regardless of age: about 35 MB of decision log (1.7 KB per row, measured), 10 MB of messages
 * and 80 MB of audit log (0.8 KB per row, measured), which ten agents fill in a month with 333 calls a day each.
 */
const LIMITS: readonly [SetName, number][] = [
  [auditSets.all, 100_000],
  [decisionSet, 20_000],
  [chatMessageSet, 5_000],
];

/** Limit of rows that are deleted at once: 100, which takes some milliseconds, so that no webhook waits for long. */
const MAX_ROWS_PER_STEP = 100;

/**
 * Bounds the audit log, the decision log and the message log: the oldest rows beyond a limit are deleted before they
 * expire, and their space is given back. It runs every 10 s, so that a burst of events exceeds a limit only briefly.
 */
export const trimTick: Tick = {
  name: "trim",
  cron: () => "*/10 * * * * *",
  sideBySide: true,
  async run({ store }) {
    const counts: Record<string, number> = {};
    for (const [set, limit] of LIMITS) counts[set] = await trimSet(store, set, limit);
    while (await store.reclaimSpace());
    return counts;
  },
};

/**
 * Computes the budget, each agent's confidence and the numbers of tasks for the page and the metrics, and notifies when
 * the budget reaches a threshold. No request to Plane.
 */
export const figuresTick: Tick = {
  name: "figures",
  cron: () => "* * * * *",
  async run(deps) {
    const budget = await refreshBudget(deps);
    await refreshConfidence(deps);
    // Only the metrics show them, and not every host has metrics.
    if (deps.scrape) await refreshTaskTotals(deps);
    return { told: (await notifyBudget(deps, budget)) ? 1 : 0 };
  },
};

/** Deletes all but the first `limit` rows of a set, which are the newest ones, and returns the number of deleted rows. */
export async function trimSet(store: Pick<Deps["store"], "trim">, set: SetName, limit: number): Promise<number> {
  for (let deleted = 0; ; ) {
    const count = await store.trim(set, limit, MAX_ROWS_PER_STEP);
    deleted += count;
    if (count < MAX_ROWS_PER_STEP) return deleted;
  }
}

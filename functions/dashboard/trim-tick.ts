import type { Deps, Tick } from "../../shared/app/deps.ts";
import { auditSets } from "../../shared/audit/audit-log.ts";
import { decisionSet } from "../../shared/decision-log/decision-log.ts";
import type { SetName } from "../../shared/store/port.ts";
import { chatMessageSet } from "../../shared/telegram/message-log.ts";

/**
 * Limits of rows per set, regardless of age: about 35 MB of decision log (1.7 KB per row, measured), 10 MB of messages and
 * 80 MB of audit log (0.8 KB per row, measured), which ten agents fill in a month with 333 calls a day each.
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

/** Deletes all but the first `limit` rows of a set, which are the newest ones, and returns the number of deleted rows. */
export async function trimSet(store: Pick<Deps["store"], "trim">, set: SetName, limit: number): Promise<number> {
  for (let deleted = 0; ; ) {
    const count = await store.trim(set, limit, MAX_ROWS_PER_STEP);
    deleted += count;
    if (count < MAX_ROWS_PER_STEP) return deleted;
  }
}

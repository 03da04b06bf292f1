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
const PAGE_SIZE = 1_000;
const DELETE_BATCH = 200;

/** Bounds the audit log, the decision log and the message log: the oldest rows beyond a limit are deleted before they expire. */
export const trimTick: Tick = {
  name: "trim",
  cron: () => "30 */10 * * * *",
  sideBySide: true,
  async run({ store }) {
    const counts: Record<string, number> = {};
    for (const [set, limit] of LIMITS) counts[set] = await trimSet(store, set, limit);
    return counts;
  },
};

/** Deletes all but the newest `limit` rows of a set and returns the number of deleted rows. */
export async function trimSet(
  store: Pick<Deps["store"], "count" | "scan" | "commit">,
  set: SetName,
  limit: number,
): Promise<number> {
  if ((await store.count(set)) <= limit) return 0;
  let after: string | undefined;
  for (let remaining = limit; remaining > 0; remaining -= PAGE_SIZE) {
    const page = await store.scan(set, after, Math.min(remaining, PAGE_SIZE));
    after = page.rows.at(-1)?.key ?? after;
  }
  let deleted = 0;
  for (;;) {
    const { rows } = await store.scan(set, after, DELETE_BATCH);
    if (rows.length === 0) return deleted;
    await store.commit({ put: rows.map(({ key }) => ({ key, value: undefined })) });
    deleted += rows.length;
  }
}

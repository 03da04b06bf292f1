/** Sends what the branches of tickets change to Groundcrew, each time a commit was added. */

import { getErrorMessage } from "../../shared/errors.ts";
import { MAX_DIFFERENCE_LENGTH } from "../../shared/tickets/differences.ts";
import { type Ms, SECOND, wait } from "../../shared/time.ts";
import type { ExchangeClient } from "./exchange-client.ts";
import type { RunnerContext } from "./runner-context.ts";
import type { SessionRecord } from "./session-folder.ts";

/** Time between two looks for new commits: 1 s; the details of sessions are read every 2 s. */
const LOOK_MS: Ms = SECOND;

/** Delay after one that Groundcrew did not take: 10 s. */
const RETRY_MS: Ms = 10 * SECOND;

/** Sends until the signal. What was sent is in the record of a session, so that a restarted runner does not repeat it. */
export async function sendDifferences(
  context: RunnerContext,
  client: Pick<ExchangeClient, "sendDifference">,
  signal: AbortSignal,
): Promise<void> {
  const { records, log } = context;
  while (!signal.aborted) {
    try {
      for (const record of records.list()) await sendDifference(context, client, record, signal);
      await wait(LOOK_MS, signal);
    } catch (thrown) {
      if (!signal.aborted) log.warn("a difference was not taken", { reason: getErrorMessage(thrown) });
      await wait(RETRY_MS, signal);
    }
  }
}

async function sendDifference(
  { records, worktrees }: RunnerContext,
  client: Pick<ExchangeClient, "sendDifference">,
  record: SessionRecord,
  signal: AbortSignal,
): Promise<void> {
  const { ticket, run, round, details } = record;
  const [head] = details.commits;
  if (!head || record.sent_difference === `${run}.${head.id}` || signal.aborted) return;
  const difference = limitDifference(await worktrees.readBranchDifference(record));
  await client.sendDifference(ticket, { run, round, commit: head.id, ...difference }, signal);
  const latest = records.get(ticket);
  if (latest?.run === run) records.save({ ...latest, sent_difference: `${run}.${head.id}` });
}

/** Leaves out the files that do not fit, whole. */
function limitDifference(text: string): { text: string; left_out: number } {
  if (text.length <= MAX_DIFFERENCE_LENGTH) return { text, left_out: 0 };
  const files = text.split(/^(?=diff --git )/m);
  let length = 0;
  const fitting = files.filter((file) => {
    length += file.length;
    return length <= MAX_DIFFERENCE_LENGTH;
  });
  return { text: fitting.join(""), left_out: files.length - fitting.length };
}

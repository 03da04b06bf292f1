import { cleanLine } from "../../clean-text.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { isOpen } from "../../task/diff.ts";
import { type CardUpdate, type KeptCard, updateCard } from "../card/card-record.ts";
import { ensureClaim } from "../claims/claim-task.ts";
import { findClaim } from "../claims/find-claim.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Task } from "../tasks/find-task.ts";
import { requireOwner } from "../tasks/require-owner.ts";
import { readTaskTimes } from "../time/task-times.ts";

/** Limit of a line on the card, in UTF-16 units. */
const MAX_LINE_LENGTH = 300;

export type ProgressReport = Pick<
  CardUpdate,
  "percent" | "text" | "confidence" | "cost" | "session" | "commit" | "tests"
>;

/**
 * Writes an agent's report to the agent card and renews its claim. A closed task can still be reported on, for example
 * its cost, but is not claimed. `until` is the store time at which the claim expires; `spent` is the caller's time on
 * the task in milliseconds.
 */
export async function reportProgress(
  context: CallContext,
  task: Task,
  { percent, text, confidence, cost, session, commit, tests }: ProgressReport,
): Promise<{ key: string; card: KeptCard; until: number | undefined; spent: number }> {
  if (isOpen(task.item.snapshot.word)) await ensureClaim(context, task);
  else await requireOwner(context, task);
  const card = await updateCard(context, task, {
    ...omitUndefined({ percent, confidence, cost }),
    ...cleanLines({ text, session, commit, tests }),
  });
  const { deps, caller } = context;
  const [claim, { totals }] = await Promise.all([findClaim(deps, task.id), readTaskTimes(deps, task.id)]);
  return { key: task.key, card, until: claim?.until, spent: totals[caller.name] ?? 0 };
}

function cleanLines(fields: Record<"text" | "session" | "commit" | "tests", string | undefined>): CardUpdate {
  const cleanedLines = Object.entries(fields).map(
    ([name, line]) => [name, line && cleanLine(line, MAX_LINE_LENGTH)] as const,
  );
  return Object.fromEntries(cleanedLines.filter(([, line]) => line));
}

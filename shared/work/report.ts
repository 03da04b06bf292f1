import { cleaned } from "../clean.ts";
import { isOpen } from "../task/diff.ts";
import type { Acting } from "./acting.ts";
import { type CardNote, type KeptCard, noteOnCard } from "./card.ts";
import { claimOf, holdTask } from "./claims.ts";
import type { Task } from "./find.ts";
import { mustBeMine } from "./owner.ts";
import { timesOf } from "./time.ts";

/** A line on the card, in UTF-16 units. */
const LINE = 300;

export type Report = Pick<CardNote, "percent" | "text" | "confidence" | "cost" | "session" | "commit" | "tests">;

/**
 * Notes on the agent card what its agent reports, and renews the claim. Of a task that is over it may still be said
 * what it cost; nobody holds that any more. `spent`: the caller's timers on it, in milliseconds.
 */
export async function report(
  acting: Acting,
  task: Task,
  { percent, text, confidence, cost, session, commit, tests }: Report,
): Promise<{ key: string; card: KeptCard; until: number | undefined; spent: number }> {
  if (isOpen(task.item.snapshot.word)) await holdTask(acting, task);
  else await mustBeMine(acting, task);
  const card = await noteOnCard(acting, task, {
    ...(percent !== undefined && { percent }),
    ...(confidence !== undefined && { confidence }),
    ...(cost !== undefined && { cost }),
    ...lines({ text, session, commit, tests }),
  });
  const { deps, caller } = acting;
  const [claim, { totals }] = await Promise.all([claimOf(deps, task.id), timesOf(deps, task.id)]);
  return { key: task.key, card, until: claim?.until, spent: totals[caller.name] ?? 0 };
}

function lines(given: Record<"text" | "session" | "commit" | "tests", string | undefined>): CardNote {
  const clean = Object.entries(given).map(([name, line]) => [name, line && cleaned(line, LINE)] as const);
  return Object.fromEntries(clean.filter(([, line]) => line));
}

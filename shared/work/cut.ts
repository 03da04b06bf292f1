import type { Job, Ms } from "../store/port.ts";
import { all } from "../store/walk.ts";
import { isOpen } from "../task/diff.ts";
import { actFor, type WorkDeps } from "./acting.ts";
import { attemptOf, cutAttempts, endAttempt } from "./attempt.ts";
import { keptTask } from "./find.ts";
import { followUp } from "./follow.ts";
import { workJob } from "./jobs.ts";
import { workSets } from "./keys.ts";
import type { KeptReview } from "./review-record.ts";
import { isThere } from "./there.ts";

/** A call takes no longer, with all its waiting and retrying. */
const AT_IT_MS: Ms = 120_000;

/** An agent that means it has called again by then. */
const GIVEN_UP_MS: Ms = 900_000;

/**
 * From state, each tick: has changes of status that were cut off gone on with, and reviews looked at whose task is no
 * longer in review, or of which nobody knows. No request to Plane.
 */
export async function askToGoOn(deps: Pick<WorkDeps, "store" | "kick">, inReview: readonly string[]): Promise<void> {
  const now = await deps.store.now();
  const reviews = await all<KeptReview>(deps, workSets.reviews);
  const known = new Map(reviews.map(({ value }) => [value.item, value]));
  const unsettled = [
    ...inReview.filter((id) => !known.has(id)),
    ...[...known.values()].filter(({ item, verdict }) => verdict || !inReview.includes(item)).map(({ item }) => item),
  ];
  const cut = (await cutAttempts(deps)).filter(({ at }) => now - at > AT_IT_MS).map(({ item }) => item);
  const jobs = [...unsettled.map((item) => job("reviewed", item, now)), ...cut.map((item) => job("cut", item, now))];
  if (jobs.length === 0) return;
  await deps.store.commit({ jobs });
  deps.kick();
}

function job(what: "reviewed" | "cut", item: string, now: Ms): Job {
  const correlation = `${what}:${item}:${now}`;
  return workJob(correlation, `work:${item}`, { do: what, item, correlation });
}

/** Does what is left of a change of status that Plane has; one it does not have is its agent's to make again. */
export async function finishCut(deps: WorkDeps, item: string, correlation: string): Promise<void> {
  const [attempt, task, now] = await Promise.all([attemptOf(deps, item), keptTask(deps, item), deps.store.now()]);
  if (!attempt || attempt.over || now - attempt.at <= AT_IT_MS) return;
  const agent = deps.settings.agents.find(({ name }) => name === attempt.agent);
  const acting = actFor(deps, { name: attempt.agent, role: agent ? (agent.role ?? "worker") : "human" }, correlation);
  const gone = !task || task.item.gone !== undefined;
  if (!gone && isThere(task.item, attempt)) await followUp(acting, task, attempt);
  else if (gone || !isOpen(task.item.snapshot.word) || now - attempt.at > GIVEN_UP_MS)
    await endAttempt(acting, attempt);
}

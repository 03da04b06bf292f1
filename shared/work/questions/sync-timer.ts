import type { Deps } from "../../app/deps.ts";
import { updateValue } from "../../store/update.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { Ms } from "../../time.ts";
import { findClaim, type KeptClaim } from "../claims/find-claim.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { isRunning, type KeptTimes } from "../time/time-entries.ts";
import { createTimes, prepareTimes } from "../time/timer-changes.ts";
import { endEntries, findPause, isInWork, startEntry } from "../time/timer-state.ts";
import { isQuestionOpen, type KeptQuestion, readTaskQuestions } from "./question-record.ts";

/**
 * Brings the timer of a held task in line with its state: it stops when the agent asks a human and starts again with the
 * answer, at the times of both, and it runs while the task is in progress. Called when either happens, and by the claims
 * tick, which repairs what a killed process did not do. True when something was changed.
 */
export async function syncTimer(
  deps: Pick<Deps, "store" | "settings">,
  task: Pick<Task, "id" | "key" | "project" | "item">,
): Promise<boolean> {
  return updateValue<KeptTimes, boolean>(deps, workKeys.time(task.id), async (stored, rev) => {
    const [claim, questions, now] = await Promise.all([
      findClaim(deps, task.id),
      readTaskQuestions(deps, task.id),
      deps.store.now(),
    ]);
    if (!claim || claim.until <= now) return { result: false };
    const times = stored ?? createTimes(task);
    const own = questions.filter(({ agent }) => agent === claim.agent);
    const next = alignTimes(times, task.item, claim, own, now);
    if (!next) return { result: false };
    return {
      ...(await prepareTimes(deps, task, stored && { value: stored, rev }, next)),
      fence: [workKeys.claim(task.id), claim.fence],
      result: true,
      resultIfFenced: false,
    };
  });
}

/** The times as they should be; undefined when they are so already. */
function alignTimes(
  times: KeptTimes,
  item: KeptItem,
  claim: KeptClaim,
  questions: readonly KeptQuestion[],
  now: Ms,
): KeptTimes | undefined {
  const running = times.entries.find((entry) => isRunning(entry, claim));
  if (running) {
    // A timer that was started after the question is one with which the agent goes on meanwhile.
    const asked = questions.find((question) => isQuestionOpen(question) && question.asked > running.from)?.asked;
    if (asked === undefined) return undefined;
    const paused = { agent: claim.agent, since: claim.since, why: "asked", at: asked } as const;
    return { ...endEntries(times, (entry) => entry === running, asked), paused };
  }
  const pause = findPause(times, claim);
  if (!isInWork(item) || pause?.why === "stopped") return undefined;
  if (!pause) return startEntry(times, claim, now);
  const since = questions.filter(({ asked }) => asked >= pause.at);
  if (since.some(isQuestionOpen)) return undefined;
  const resumed = Math.max(pause.at, ...since.map(({ answer, closed }) => answer?.at ?? closed ?? pause.at));
  return startEntry(times, claim, Math.min(now, resumed));
}

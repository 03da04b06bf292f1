import type { Deps } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import {
  createClaimEndedJob,
  createWakeCheckJob,
  createWakeJob,
  type EndedClaim,
} from "../../shared/jobs/wake-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Settlement } from "../../shared/store/job-operations.ts";
import type { Ms } from "../../shared/time.ts";
import type { WakeTaskDeps } from "../../shared/wake/actionable.ts";
import { mergeWakeTasks } from "../../shared/wake/pending-wake.ts";
import type { StartableTask } from "../../shared/wake/startable-tasks.ts";
import type { KeptWake, SentTask, WakeTask } from "../../shared/wake/wake-record.ts";
import { updateWake, type WakeUpdate } from "../../shared/wake/wake-store.ts";
import { decideNextWake, type WakeDecision, type WakeFacts } from "./decide-next-wake.ts";
import { readWakeFacts } from "./read-wake-facts.ts";
import { createUnresponsiveNotice } from "./unresponsive-notice.ts";

type ReviewDeps = WakeTaskDeps & Pick<Deps, "log" | "kick" | "newId">;

const DONE: Settlement = { done: true };

/**
 * Reviews what the agent does about its wakes, when a check is due or a claim has ended: wakes it again, checks later,
 * or notifies a person, in one commit.
 */
export async function reviewWakes(deps: ReviewDeps, agent: AgentSettings, ended?: EndedClaim): Promise<Settlement> {
  if (agent.wake.kind === "none") return DONE;
  await updateWake(deps, agent.name, async (wake) => {
    const facts = await readWakeFacts(deps, agent.name, wake, ended);
    // Another job checks these tasks at that time.
    if (!ended && wake.checkAt !== undefined && wake.checkAt > facts.now) return undefined;
    const decision = decideNextWake(wake, facts);
    return applyDecision(deps, agent, wake, facts, decision);
  });
  return DONE;
}

function applyDecision(
  deps: ReviewDeps,
  agent: AgentSettings,
  wake: KeptWake,
  facts: WakeFacts,
  decision: WakeDecision,
): WakeUpdate {
  const { checkAt, notified, sent, roundAt, ...rest } = wake;
  const { name } = agent;
  const { now } = facts;
  const unsettled = sent && { ...sent, tasks: facts.unsettled };
  // A new round begins with the next wake.
  const beginsRound = decision.isReset || decision.kind === "idle" || decision.kind === "wake";
  const kept: KeptWake = {
    ...rest,
    round: decision.round,
    ...omitUndefined({ sent: unsettled, roundAt: beginsRound ? undefined : roundAt }),
  };
  switch (decision.kind) {
    case "idle":
      return { wake: kept };
    case "busy":
    case "given_up": {
      const isUnderWay = wake.posting !== undefined || wake.dueAt !== undefined;
      const keptNotice = decision.isReset ? undefined : notified;
      return {
        wake: { ...kept, ...omitUndefined({ notified: keptNotice, checkAt: isUnderWay ? checkAt : undefined }) },
      };
    }
    case "wait": {
      const { until } = decision;
      if (decision.isHandover && facts.ended) {
        const attempt = { agent: name, fence: `${facts.ended.at}:${until}` };
        const job = createClaimEndedJob(facts.ended, attempt, until);
        return { wake: { ...kept, ...omitUndefined({ checkAt }) }, jobs: [job] };
      }
      return {
        wake: { ...kept, checkAt: until },
        jobs: checkAt === until ? [] : [createWakeCheckJob(name, `${name}:${until}`, until)],
      };
    }
    case "wake": {
      deps.log.info("waking again for unfinished work", { agent: name, tasks: decision.tasks.map(({ key }) => key) });
      const pending = mergeWakeTasks(kept.pending, decision.tasks.map(toWakeTask));
      return {
        wake: { ...kept, pending, dueAt: now, ...markTold(kept, facts.startable, now) },
        jobs: [createWakeJob(name, now)],
        afterCommit: () => deps.kick(),
      };
    }
    case "notify": {
      const { tasks, hasCalled } = decision;
      const message = hasCalled ? "agent answers wakes but finishes no task" : "agent does not answer wakes";
      deps.log.warn(message, { agent: name, tasks: tasks.map(({ key }) => key) });
      return {
        wake: {
          ...kept,
          notified: { at: now, ...omitUndefined({ answered: hasCalled ? (true as const) : undefined }) },
        },
        jobs: createUnresponsiveNotice(deps.settings, { agent: name, tasks, hasCalled, at: now }),
        afterCommit: () => deps.kick(),
      };
    }
  }
}

/** A startable task that no event has announced yet is marked as found, so that its event adds nothing new. */
function markTold(wake: KeptWake, startable: readonly StartableTask[], now: Ms): Pick<KeptWake, "told" | "found"> {
  const untold = startable.filter(({ id }) => wake.told[id] === undefined);
  return {
    told: { ...wake.told, ...Object.fromEntries(untold.map(({ id }) => [id, now])) },
    found: { ...wake.found, ...Object.fromEntries(untold.map(({ id, rev }) => [id, rev])) },
  };
}

function toWakeTask(task: SentTask | StartableTask): WakeTask {
  const { id, key, reason, title, text, question } = task;
  return { id, key, reason, ...omitUndefined({ title, text, question }) };
}

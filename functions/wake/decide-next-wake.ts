import { type EndedClaim, HANDOVER_MS } from "../../shared/jobs/wake-jobs.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import type { StartableTask } from "../../shared/wake/startable-tasks.ts";
import type { KeptLastCall, KeptWake, SentTask } from "../../shared/wake/wake-record.ts";

/**
 * Delays between a wake without a call and the next one for the same tasks: 5, 10 and 20 min, because a run makes its
 * first call within a minute. The last delay precedes the message to a person.
 */
const UNANSWERED_MS: readonly Ms[] = [5 * MINUTE, 10 * MINUTE, 20 * MINUTE];

/**
 * Delays between the last call of an agent that has claimed nothing and the next wake: 15, 30 and 60 min. As long as the
 * first one a claim lasts without a call, too.
 */
const ANSWERED_MS: readonly Ms[] = [15 * MINUTE, 30 * MINUTE, 60 * MINUTE];

/** The delay after a wake whose call got no response: 2 min, because it may not have arrived. */
const UNCERTAIN_DELIVERY_MS: Ms = 2 * MINUTE;

/** Limit of wakes for the same tasks: 3. After that a person has to check the agent. */
const MAX_WAKES = 3;

/** Duration after a wake in which its run is expected to begin and to take other tasks as well: 30 s. */
const RUN_START_MS: Ms = 30 * SECOND;

/** What is stored about an agent and its tasks at one moment. All times are store times. */
export interface WakeFacts {
  now: Ms;
  lastCall?: KeptLastCall;
  /** The agent holds a claim and does not wait for a human's answer. */
  isWorking: boolean;
  startable: StartableTask[];
  /** Tasks of earlier wakes, other than startable ones, on which the agent still has to act. */
  unsettled: SentTask[];
  /** The claim that has just ended. */
  ended?: EndedClaim;
}

/**
 * Wakes are repeated for these tasks, checked later, given up, or there is nothing to wake for. `isReset`: the agent
 * finished a task or came back, so counting begins again and a person may be notified again.
 */
export type WakeDecision = { round: number; isReset: boolean } & (
  | { kind: "idle" }
  /** The agent works, or a wake is under way: another job decides. */
  | { kind: "busy" }
  | { kind: "wait"; until: Ms; isHandover: boolean }
  | { kind: "wake"; tasks: (SentTask | StartableTask)[] }
  | { kind: "notify"; tasks: (SentTask | StartableTask)[]; hasCalled: boolean }
  /** A person was notified, and the agent has not come back since. */
  | { kind: "given_up" }
);

/** Decides what follows for the tasks of an agent's earlier wakes and for its startable tasks. */
export function decideNextWake(wake: KeptWake, facts: WakeFacts): WakeDecision {
  const { now, isWorking, startable, unsettled, ended } = facts;
  const tasks = [...unsettled, ...(isWorking ? [] : startable)];
  const isFinished = ended !== undefined && !startable.some(({ id }) => id === ended.item);
  const isReset = isFinished || isBackAfterNotice(wake, facts);
  const round = isReset ? 0 : (wake.round ?? 0);
  if (tasks.length === 0) return isWorking ? { kind: "busy", round, isReset } : { kind: "idle", round: 0, isReset };
  if (wake.posting || wake.dueAt !== undefined) return { kind: "busy", round, isReset };
  if (wake.notified && !isReset) return { kind: "given_up", round, isReset };
  const others = tasks.filter(({ id }) => id !== ended?.item);
  const isHandover = !isWorking && ended !== undefined && others.length > 0 && !isRunStarting(wake, ended, now);
  const roundAt = wake.roundAt ?? wake.sent?.at ?? 0;
  const lastCallAt = facts.lastCall?.at ?? 0;
  const hasCalled = lastCallAt >= roundAt;
  // Wakes for new tasks do not delay the check, but the run that has just begun takes the others along.
  const until = isHandover
    ? Math.max(lastCallAt, ended.at) + HANDOVER_MS
    : Math.max(Math.max(roundAt, lastCallAt) + getBackOff(wake, round, hasCalled), (wake.sent?.at ?? 0) + RUN_START_MS);
  if (now < until) return { kind: "wait", round, isReset, until, isHandover };
  if (round >= MAX_WAKES) return { kind: "notify", round, isReset, tasks, hasCalled };
  return { kind: "wake", round: round + 1, isReset, tasks: isHandover ? others : tasks };
}

/** The duration without a sign of the agent after which the wakes of this round are checked. */
export function getBackOff({ sent }: Pick<KeptWake, "sent">, round: number, hasCalled: boolean): Ms {
  if (!hasCalled && sent?.isUncertain) return UNCERTAIN_DELIVERY_MS;
  const delays = hasCalled ? ANSWERED_MS : UNANSWERED_MS;
  return delays[Math.min(Math.max(round, 1), delays.length) - 1] ?? 0;
}

/** Whether an agent of which a person was notified that it does not call has called since. */
function isBackAfterNotice({ notified }: KeptWake, { lastCall }: WakeFacts): boolean {
  return notified !== undefined && !notified.answered && (lastCall?.at ?? 0) > notified.at;
}

/** Whether a wake was posted during the claim, whose own run is only just beginning and takes the other tasks. */
function isRunStarting({ sent }: KeptWake, ended: EndedClaim, now: Ms): boolean {
  return sent !== undefined && sent.at > ended.since && now - sent.at < RUN_START_MS;
}

/**
 * Reviews what an agent does about its wakes: it is woken again, looked at later, or a person is notified. The
 * decision itself is a pure function of what was read.
 */

import type { Deps } from "../../shared/app/deps.ts";
import type { Settings } from "../../shared/config/settings.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { formatTemplate } from "../../shared/i18n/localize.ts";
import { getTexts } from "../../shared/i18n/texts.ts";
import {
  createClaimEndedJob,
  createWakeCheckJob,
  createWakeJob,
  type EndedClaim,
  HANDOVER_MS,
} from "../../shared/jobs/internal-jobs.ts";
import { createAnnouncementJob } from "../../shared/jobs/outgoing-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { ClaimRecord } from "../../shared/records/claim-record.ts";
import { workSets } from "../../shared/records/store-keys.ts";
import type { Job, JobResult } from "../../shared/store/port.ts";
import { readAllRows } from "../../shared/store/records.ts";
import { isRequestOpen } from "../../shared/task/request.ts";
import { readTaskQuestions } from "../../shared/tasks/people/questions.ts";
import {
  filterActionableTasks,
  findStartableTasks,
  type StartableTask,
  type WakeTaskDeps,
} from "../../shared/tasks/startable-tasks.ts";
import {
  type LastCallRecord,
  mergeWakeTasks,
  type SentTask,
  updateWake,
  type WakeReason,
  type WakeRecord,
  type WakeTask,
  type WakeUpdate,
  wakeKeys,
} from "../../shared/tasks/wakes.ts";
import { resolveChatLocale, toSoundExtras } from "../../shared/telegram/chat-settings.ts";
import { toPlainText, toSafeText } from "../../shared/telegram/rich-text.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";

type ReviewDeps = WakeTaskDeps & Pick<Deps, "log" | "notify" | "newId">;

type WakeFacts = Awaited<ReturnType<typeof readWakeFacts>>;

/**
 * Wakes are repeated for these tasks, checked later, given up, or there is nothing to wake for. `isReset`: the agent
 * finished a task or came back, so counting begins again and a person may be notified again.
 */
type WakeDecision = { round: number; isReset: boolean } & (
  | { kind: "idle" }
  /** The agent works, or a wake is under way: another job decides. */
  | { kind: "busy" }
  | { kind: "wait"; until: Ms; isHandover: boolean }
  | { kind: "wake"; tasks: (SentTask | StartableTask)[] }
  | { kind: "notify"; tasks: (SentTask | StartableTask)[]; hasCalled: boolean }
  /** A person was notified, and the agent has not come back since. */
  | { kind: "given_up" }
);

const DONE: JobResult = { done: true };

/**
 * Delays between a wake without a call and the next one for the same tasks: 5, 10 and 20 min, because a run makes its
 * first call within a minute. The last delay precedes the message to a person.
 */
const UNANSWERED_MS: readonly Ms[] = [5 * MINUTE, 10 * MINUTE, 20 * MINUTE];

/**
 * Delays between the last call of an agent that has claimed nothing and the next wake: 15, 30 and 60 min. As long as
 * the first one a claim lasts without a call, too.
 */
const ANSWERED_MS: readonly Ms[] = [15 * MINUTE, 30 * MINUTE, 60 * MINUTE];

/** The delay after a wake whose call got no response: 2 min, because it may not have arrived. */
const UNCERTAIN_DELIVERY_MS: Ms = 2 * MINUTE;

/** Limit of wakes for the same tasks: 3. After that a person has to check the agent. */
const MAX_WAKES = 3;

/** Duration after a wake in which its run is expected to begin and to take other tasks as well: 30 s. */
const RUN_START_MS: Ms = 30 * SECOND;

/** Limit of task keys in the message: 5. */
const MAX_KEYS = 5;

/**
 * Reviews what the agent does about its wakes, when a check is due or a claim has ended: wakes it again, checks later,
 * or notifies a person, in one commit.
 */
export async function reviewWakes(deps: ReviewDeps, agent: AgentSettings, ended?: EndedClaim): Promise<JobResult> {
  if (agent.wake.kind === "none") return DONE;
  await updateWake(deps, agent.name, async (wake) => {
    const facts = await readWakeFacts(deps, agent.name, wake, ended);
    // Another job checks these tasks at that time.
    if (!ended && wake.checkAt !== undefined && wake.checkAt > facts.now) return undefined;
    if (ended && wake.isHeldForRun && !facts.isWorking) return releaseHeldWake(deps, agent.name, wake, facts.now);
    return applyDecision(deps, agent.name, wake, facts, decideNextWake(wake, facts));
  });
  return DONE;
}

/** Wakes an agent that has just ended its work for what came meanwhile. */
function releaseHeldWake(deps: ReviewDeps, agent: string, wake: WakeRecord, now: Ms): WakeUpdate {
  return { wake: { ...wake, dueAt: now }, jobs: [createWakeJob(agent, now)], afterCommit: () => deps.notify() };
}

/** Reads what decides about the next wake of an agent. All times are store times. */
async function readWakeFacts(deps: WakeTaskDeps, agent: string, wake: WakeRecord, ended?: EndedClaim) {
  const [now, [lastCall], isWorking, startable] = await Promise.all([
    deps.store.now(),
    deps.store.read<LastCallRecord>([wakeKeys.lastCall(agent)]),
    hasActiveClaim(deps, agent),
    findStartableTasks(deps, agent),
  ]);
  const unsettled = await filterUnsettledTasks(deps, agent, wake.sent?.tasks ?? [], lastCall?.value);
  return { now, isWorking, startable, unsettled, ended, lastCallAt: lastCall?.value.at ?? 0 };
}

/** Whether the agent holds a claim; one on a task that waits for a human's answer does not keep it from other tasks. */
export async function hasActiveClaim(deps: Pick<WakeTaskDeps, "store">, agent: string): Promise<boolean> {
  const [now, claims] = await Promise.all([deps.store.now(), readAllRows<ClaimRecord>(deps, workSets.claimsOf(agent))]);
  for (const { value } of claims.filter((row) => row.value.until > now)) {
    const questions = await readTaskQuestions(deps, value.item);
    if (!questions.some((question) => question.from === agent && isRequestOpen(question))) return true;
  }
  return false;
}

/** Tasks that are startable are found by their state. */
const STARTABLE_REASONS: ReadonlySet<WakeReason> = new Set(["assigned", "unblocked"]);

/** News about which there is nothing to do: one wake is enough, if it certainly arrived. */
const NEWS_REASONS: ReadonlySet<WakeReason> = new Set(["plan_approved", "plan_cancelled"]);

/**
 * Filters the tasks of earlier wakes on which the agent still has to act, without startable ones and news: a call of
 * the agent settles them, except a wish, which a plan or a message to the person settles.
 */
async function filterUnsettledTasks(
  deps: WakeTaskDeps,
  agent: string,
  tasks: readonly SentTask[],
  lastCall: LastCallRecord | undefined,
): Promise<SentTask[]> {
  const unsettled = tasks.filter(({ reason, at, isUncertain }) => {
    if (STARTABLE_REASONS.has(reason) || (NEWS_REASONS.has(reason) && !isUncertain)) return false;
    const settledAt = reason === "asked_for" ? lastCall?.answered : lastCall?.at;
    return settledAt === undefined || settledAt < at;
  });
  return filterActionableTasks(deps, agent, unsettled);
}

/** Decides what follows for the tasks of an agent's earlier wakes and for its startable tasks. */
function decideNextWake(wake: WakeRecord, facts: WakeFacts): WakeDecision {
  const { now, isWorking, startable, unsettled, ended, lastCallAt } = facts;
  const tasks = [...unsettled, ...(isWorking ? [] : startable)];
  const isFinished = ended !== undefined && !startable.some(({ id }) => id === ended.item);
  const { notified, sent } = wake;
  // A person was notified that it does not call, and it has called since.
  const isBack = notified !== undefined && !notified.answered && lastCallAt > notified.at;
  const isReset = isFinished || isBack;
  const round = isReset ? 0 : (wake.round ?? 0);
  if (tasks.length === 0) return isWorking ? { kind: "busy", round, isReset } : { kind: "idle", round: 0, isReset };
  if (wake.posting || wake.dueAt !== undefined) return { kind: "busy", round, isReset };
  if (notified && !isReset) return { kind: "given_up", round, isReset };
  const others = tasks.filter(({ id }) => id !== ended?.item);
  // The run of a wake that was posted during the claim is only just beginning and takes the other tasks.
  const isRunStarting = ended && sent && sent.at > ended.since && now - sent.at < RUN_START_MS;
  const isHandover = !isWorking && ended !== undefined && others.length > 0 && !isRunStarting;
  const roundAt = wake.roundAt ?? sent?.at ?? 0;
  const hasCalled = lastCallAt >= roundAt;
  // Wakes for new tasks do not delay the check, but the run that has just begun takes the others along.
  const until = isHandover
    ? Math.max(lastCallAt, ended.at) + HANDOVER_MS
    : Math.max(Math.max(roundAt, lastCallAt) + getBackOff(wake, round, hasCalled), (sent?.at ?? 0) + RUN_START_MS);
  if (now < until) return { kind: "wait", round, isReset, until, isHandover };
  if (round >= MAX_WAKES) return { kind: "notify", round, isReset, tasks, hasCalled };
  return { kind: "wake", round: round + 1, isReset, tasks: isHandover ? others : tasks };
}

function applyDecision(
  deps: ReviewDeps,
  agent: string,
  wake: WakeRecord,
  { now, unsettled, startable, ended }: WakeFacts,
  decision: WakeDecision,
): WakeUpdate {
  const { checkAt, notified, sent, roundAt, ...rest } = wake;
  // A new round begins with the next wake.
  const beginsRound = decision.isReset || decision.kind === "idle" || decision.kind === "wake";
  const stored: WakeRecord = {
    ...rest,
    round: decision.round,
    ...omitUndefined({ sent: sent && { ...sent, tasks: unsettled }, roundAt: beginsRound ? undefined : roundAt }),
  };
  switch (decision.kind) {
    case "idle":
      return { wake: stored };
    case "busy":
    case "given_up": {
      const isUnderWay = wake.posting !== undefined || wake.dueAt !== undefined;
      const optional = { notified: decision.isReset ? undefined : notified, checkAt: isUnderWay ? checkAt : undefined };
      return { wake: { ...stored, ...omitUndefined(optional) } };
    }
    case "wait": {
      const { until } = decision;
      if (decision.isHandover && ended) {
        const job = createClaimEndedJob(ended, { agent, fence: `${ended.at}:${until}` }, until);
        return { wake: { ...stored, ...omitUndefined({ checkAt }) }, jobs: [job] };
      }
      const jobs = checkAt === until ? [] : [createWakeCheckJob(agent, until)];
      return { wake: { ...stored, checkAt: until }, jobs };
    }
    case "wake": {
      deps.log.info("waking again for unfinished work", { agent, tasks: decision.tasks.map(({ key }) => key) });
      const pending = mergeWakeTasks(stored.pending, decision.tasks.map(toWakeTask));
      return {
        wake: { ...stored, pending, dueAt: now, ...markWoken(stored, startable, now) },
        jobs: [createWakeJob(agent, now)],
        afterCommit: () => deps.notify(),
      };
    }
    case "notify": {
      const { tasks, hasCalled } = decision;
      const message = hasCalled ? "agent answers wakes but finishes no task" : "agent does not answer wakes";
      deps.log.warn(message, { agent, tasks: tasks.map(({ key }) => key) });
      const notice = { at: now, ...(hasCalled ? { answered: true as const } : {}) };
      return {
        wake: { ...stored, notified: notice },
        jobs: createUnresponsiveNotice(deps.settings, agent, tasks, hasCalled, now),
        afterCommit: () => deps.notify(),
      };
    }
  }
}

function toWakeTask(task: SentTask | StartableTask): WakeTask {
  const { id, key, reason, title, text, question } = task;
  return { id, key, reason, ...omitUndefined({ title, text, question }) };
}

/** A startable task that no event has announced yet is marked as found, so that its event adds nothing new. */
function markWoken(wake: WakeRecord, startable: readonly StartableTask[], now: Ms) {
  const unwoken = startable.filter(({ id }) => wake.wokenTasks[id] === undefined);
  return {
    wokenTasks: { ...wake.wokenTasks, ...Object.fromEntries(unwoken.map(({ id }) => [id, now])) },
    found: { ...wake.found, ...Object.fromEntries(unwoken.map(({ id, rev }) => [id, rev])) },
  };
}

/**
 * Creates the job for the message that an agent does not react to its wakes; no job without Telegram. `hasCalled`: it
 * calls but finishes none of its tasks; otherwise it makes no call at all. `at` identifies the notice.
 */
function createUnresponsiveNotice(
  { telegram, ...settings }: Pick<Settings, "telegram" | "locale" | "people">,
  agent: string,
  tasks: readonly WakeTask[],
  hasCalled: boolean,
  at: Ms,
): Job[] {
  if (!telegram) return [];
  const language = resolveChatLocale(settings, telegram.chat);
  const texts = getTexts(language).wakes;
  const keys = tasks.slice(0, MAX_KEYS).map(({ key, reason }) => (reason === "asked_for" ? texts.request : key));
  const values = {
    agent: toSafeText(agent, 80).text,
    tasks: toSafeText(keys.join(", ") + (tasks.length > MAX_KEYS ? ", …" : "")).text,
  };
  const rich = toPlainText(formatTemplate(hasCalled ? texts.idle : texts.silent, values));
  const id = `unresponsive:${agent}:${at}`;
  return [createAnnouncementJob(id, telegram.chat, { rich, language, ...toSoundExtras("agent_unresponsive") }, id)];
}

/** The duration without a sign of the agent after which the wakes of this round are checked. */
export function getBackOff({ sent }: Pick<WakeRecord, "sent">, round: number, hasCalled: boolean): Ms {
  if (!hasCalled && sent?.isUncertain) return UNCERTAIN_DELIVERY_MS;
  const delays = hasCalled ? ANSWERED_MS : UNANSWERED_MS;
  return delays[Math.min(Math.max(round, 1), delays.length) - 1] ?? 0;
}

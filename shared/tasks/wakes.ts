/**
 * An agent's wakes: the tasks of the next one, those that were sent, and the last call, which acknowledges them. Tasks
 * that come within two seconds join one wake.
 */

import type { Deps, StoreDeps } from "../app/deps.ts";
import type { AgentSettings } from "../config/settings-file.ts";
import { createWakeJob } from "../jobs/internal-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Commit, Job, Put, Revision, Store, StoreKey } from "../store/port.ts";
import { mergeUpdates, updateValue, type ValueUpdate } from "../store/records.ts";
import type { Ms } from "../time.ts";

/** Why an agent is woken. */
export type WakeReason =
  | ("assigned" | "unblocked" | "answered" | "sent_back" | "addressed" | "stopped" | "interrupted" | "stuck" | "circle")
  | ("asked_for" | "plan_approved" | "plan_rejected" | "plan_cancelled" | "plan_failed" | "plan_completed")
  | "project_completed";

/** One task of a wake. Others wrote title and text, so they stay in separate fields. */
export interface WakeTask {
  /** Plane's id of the item or project, or the id of a wish, a plan or a question. */
  id: string;
  /** `ONB-12`, a project's identifier, `new` for a wish and for a plan without a project, or `message`. */
  key: string;
  reason: WakeReason;
  title?: string;
  /** A person's answer, reason or request. */
  text?: string;
  /** What the person wrote within seconds after a request: texts that may be wishes of their own, with their ids. */
  parts?: { id: string; text: string }[];
  /** Id of the answered question, when it was about no task. */
  question?: string;
}

/** A task of a wake that was posted, with the store time of the first wake that named it. */
export interface SentTask extends WakeTask {
  at: Ms;
  /** The call got no response, so the agent may not have been told. */
  isUncertain?: true;
}

/** The stored state of an agent's wakes. */
export interface WakeRecord {
  /** The tasks of the next wake. */
  pending: WakeTask[];
  /** Store time at which the next wake is due; absent when no task is pending, or when delivery was given up. */
  dueAt?: Ms;
  /** The startable tasks for which the agent was woken: Plane's id to store time. */
  wokenTasks: Record<string, Ms>;
  /** Those of them that were found in the store, with the revision read: jobs of earlier events add nothing new. */
  found?: Record<string, Revision>;
  /** The wake whose call is under way, or during whose call a process ended. */
  posting?: { id: string; job: string; at: Ms; tasks: WakeTask[] };
  /**
   * The last wake that was posted: when, and the tasks of this and earlier wakes that a call of the agent settles.
   * `isUncertain`: the call got no response.
   */
  sent?: { at: Ms; tasks: SentTask[]; isUncertain?: true };
  /** The last wake that did not arrive; the same tasks are posted again under the same id. */
  retry?: { id: string; failures: number; tasks: string[] };
  /** Number of wakes since the agent last had nothing to do or finished a task; new tasks join without counting. */
  round?: number;
  /** Store time of the wake that began the round. */
  roundAt?: Ms;
  /** The pending tasks wait for the end of the agent's present run. */
  isHeldForRun?: true;
  /** Runs whose last call was before this store time ended with their gateway. */
  runsLostAt?: Ms;
  /** Store time of the next check of whether the agent reacts; absent: it works, or there is nothing to check. */
  checkAt?: Ms;
  /** A person was notified at this store time; `answered` when the agent had called without finishing a task. */
  notified?: { at: Ms; answered?: true };
}

/** The stored last call of an agent. All times are store times of the beginning of a call. */
export interface LastCallRecord {
  at: Ms;
  /** The last call that succeeded in planning or in writing to a person, which answers a wish. */
  answered?: Ms;
}

/** A change of an agent's wakes, with further parts of the same commit. */
export type WakeUpdate = ValueUpdate & { wake: WakeRecord };

/** Where added tasks come from. */
interface TaskSource {
  /** Tasks that were found in the store: the revisions that were read, by the item's id. */
  found?: Record<string, Revision>;
  /** A task of an event: the item's revision before the event. */
  since?: Revision | undefined;
}

const EMPTY_WAKE: WakeRecord = { pending: [], wokenTasks: {} };

export const wakeKeys = {
  wake: (agent: string): StoreKey => `wake:${encodeURIComponent(agent)}`,
  /** The agent's last call. */
  lastCall: (agent: string): StoreKey => `last-call:${encodeURIComponent(agent)}`,
  /** The mark that an event's job was added to a wake, which makes a second commit of that job stale. */
  addedJob: (job: string): StoreKey => `added-to-wake:${encodeURI(job)}`,
  /** The OpenClaw gateway at a URL that does not answer. */
  gatewayLoss: (url: string): StoreKey => `wake:gateway-loss:${encodeURIComponent(url)}`,
  /** The version of the OpenClaw gateway at a URL, as its answers showed. */
  gateway: (url: string): StoreKey => `wake:gateway:${encodeURIComponent(url)}`,
} as const;

/** Delay of a wake: 2 s, in which further tasks join the same wake. */
const BATCH_WINDOW_MS: Ms = 2_000;

/** Limit of tasks named in one wake: 20. list_my_tasks returns all of them. */
export const MAX_TASKS = 20;

/** Tools of which a successful call answers a wish: the Concierge planned something or wrote to the person. */
const WISH_ANSWERS: readonly string[] = [
  ...["plan_project", "schedule_work", "create_project", "create_task", "message_human", "ask_human"],
];

/** Reads the wakes of an agent with the record's revision. */
export async function readWake({ store }: StoreDeps, agent: string): Promise<{ wake: WakeRecord; rev: number }> {
  const [stored] = await store.read<WakeRecord>([wakeKeys.wake(agent)]);
  return { wake: stored?.value ?? EMPTY_WAKE, rev: stored?.rev ?? 0 };
}

/** Changes the wakes of an agent; `compute` may run several times, and `undefined` means no change. */
export async function updateWake(
  deps: StoreDeps,
  agent: string,
  compute: (wake: WakeRecord) => Promise<WakeUpdate | undefined>,
): Promise<void> {
  const key = wakeKeys.wake(agent);
  await updateValue<WakeRecord>(deps, key, async (stored = EMPTY_WAKE) => {
    const update = await compute(stored);
    return update && mergeUpdates([{ put: [{ key, value: update.wake }] }, update]);
  });
}

/**
 * Adds tasks to the agent's next wake and schedules it; tasks within two seconds join one wake, also while the repeat
 * of a wake that did not arrive is scheduled for later. `expect` and `put` are part of the same commit; when a revision
 * in `expect` is stale, nothing is added.
 */
export async function addWakeTasks(
  deps: Pick<Deps, "store" | "notify">,
  agent: string,
  tasks: readonly WakeTask[],
  { expect = [], put = [], ...source }: TaskSource & Pick<Commit, "expect" | "put"> = {},
): Promise<void> {
  await updateWake(deps, agent, async (wake) => {
    const current = await deps.store.read(expect.map(([key]) => key));
    if (expect.some(([, rev], i) => (current[i]?.rev ?? 0) !== rev)) return undefined;
    const added = mergeIntoWake(wake, agent, tasks, await deps.store.now(), source);
    return { ...added, expect, put, afterCommit: () => deps.notify() };
  });
}

/** Wakes an agent for a task at once, also when it was woken for it before or was given up. */
export async function wakeAgain(deps: Pick<Deps, "store" | "notify">, agent: string, task: WakeTask): Promise<void> {
  await updateWake(deps, agent, async ({ round: _, roundAt: __, notified: ___, ...wake }) => ({
    ...mergeIntoWake(wake, agent, [task], await deps.store.now(), {}),
    afterCommit: () => deps.notify(),
  }));
}

/** The address of the OpenClaw gateway of an agent; undefined for an agent that is woken otherwise, or without one. */
export function findGatewayUrl({ settings }: Pick<Deps, "settings">, { wake }: AgentSettings): string | undefined {
  if (wake.kind !== "openclaw") return undefined;
  return ("url" in wake ? wake.url : undefined) ?? settings.openclaw?.url;
}

/** Prepares the writes that add tasks to the agent's next wake and schedule it, for a commit with further writes. */
export async function prepareWakeTasks(
  deps: StoreDeps,
  agent: string,
  tasks: readonly WakeTask[],
  source: TaskSource,
): Promise<ValueUpdate> {
  const key = wakeKeys.wake(agent);
  const { wake, rev } = await readWake(deps, agent);
  const { wake: next, jobs } = mergeIntoWake(wake, agent, tasks, await deps.store.now(), source);
  return { expect: [[key, rev]], put: [{ key, value: next }], jobs };
}

function mergeIntoWake(
  wake: WakeRecord,
  agent: string,
  tasks: readonly WakeTask[],
  now: Ms,
  { found, since }: TaskSource,
): { wake: WakeRecord; jobs: Job[] } {
  const newTasks = tasks.filter((task) => !isAlreadyFound(wake, task, since));
  const dueAt = Math.min(wake.dueAt ?? Number.POSITIVE_INFINITY, now + BATCH_WINDOW_MS);
  // A person's words do not say that a task can be started, and an agent whose work was ended is notified again once it
  // may start the task again.
  const wokenTasks = { ...wake.wokenTasks };
  for (const { id, reason } of tasks) {
    if (reason === "stopped") delete wokenTasks[id];
    else if (reason !== "addressed") wokenTasks[id] = now;
  }
  const next: WakeRecord = {
    ...wake,
    ...(newTasks.length > 0 ? { pending: mergeWakeTasks(wake.pending, newTasks), dueAt } : {}),
    wokenTasks,
    ...omitUndefined({ found: found && { ...wake.found, ...found } }),
  };
  return { wake: next, jobs: newTasks.length === 0 || dueAt === wake.dueAt ? [] : [createWakeJob(agent, dueAt)] };
}

/** Whether the agent was already woken for the result of this event, before the event's own job was handled. */
function isAlreadyFound({ found, pending }: WakeRecord, { id }: WakeTask, since: Revision | undefined): boolean {
  const foundRev = found?.[id];
  return foundRev !== undefined && since !== undefined && since < foundRev && !pending.some((task) => task.id === id);
}

/**
 * Creates the records that acknowledge the wakes of the agents who made these calls. A call acknowledges only what was
 * posted before it began: its duration is subtracted from the store's time.
 */
export async function createAcknowledgements(
  { store }: { store: Pick<Store, "now" | "read"> },
  calls: readonly { agent: string; tool: string; outcome: string; ms: Ms }[],
): Promise<Put[]> {
  const agents = [...new Set(calls.map(({ agent }) => agent))];
  const keys = agents.map(wakeKeys.lastCall);
  const [now, stored] = await Promise.all([store.now(), store.read<LastCallRecord>(keys)]);
  return keys.map((key, i) => {
    const { at = 0, answered = 0 } = stored[i]?.value ?? {};
    const own = calls.filter(({ agent }) => agent === agents[i]);
    const answers = own.filter(({ tool, outcome }) => outcome === "ok" && WISH_ANSWERS.includes(tool));
    const lastAnswer = Math.max(answered, ...answers.map(({ ms }) => now - ms));
    const value: LastCallRecord = {
      at: Math.max(at, ...own.map(({ ms }) => now - ms)),
      ...omitUndefined({ answered: lastAnswer || undefined }),
    };
    return { key, value };
  });
}

/**
 * Adds tasks to others; a task that is among them already gets the new reason. A person's words, and the end of the
 * work, stay beside other reasons, and the words of several remarks are kept together.
 */
export function mergeWakeTasks<T extends WakeTask>(earlier: readonly T[], tasks: readonly T[]): T[] {
  const merged = new Map(earlier.map((task) => [toIdentity(task), task]));
  for (const task of tasks) {
    const combined = combineWords(merged.get(toIdentity(task)), task);
    // What was added last is kept when there are too many.
    merged.delete(toIdentity(task));
    merged.set(toIdentity(task), combined);
  }
  return [...merged.values()].slice(-MAX_TASKS);
}

function toIdentity({ id, reason }: WakeTask): string {
  return reason === "addressed" || reason === "stopped" ? `${reason}:${id}` : id;
}

function combineWords<T extends WakeTask>(earlier: T | undefined, task: T): T {
  if (task.reason !== "addressed" || earlier?.text === undefined || task.text === undefined) return task;
  const lines = new Set([...earlier.text.split("\n"), ...task.text.split("\n")]);
  return { ...task, text: [...lines].join("\n") };
}

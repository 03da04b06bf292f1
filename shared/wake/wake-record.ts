import type { Revision, StoreKey } from "../store/port.ts";
import type { Ms } from "../time.ts";

/** Why an agent is woken. */
export type WakeReason =
  | "assigned"
  | "unblocked"
  | "answered"
  | "sent_back"
  | "addressed"
  | "stopped"
  | "stuck"
  | "circle"
  | "project_completed"
  | "asked_for"
  | "plan_rejected"
  | "plan_failed"
  | "plan_completed";

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
  /** Id of the answered question, when it was about no task. */
  question?: string;
}

/** A task of a wake that was posted, with the store time of the first wake that named it. */
export interface SentTask extends WakeTask {
  at: Ms;
}

/** The stored state of an agent's wakes. */
export interface KeptWake {
  /** The tasks of the next wake. */
  pending: WakeTask[];
  /** Store time at which the next wake is due; absent when no task is pending, or when delivery was given up. */
  dueAt?: Ms;
  /** The startable tasks for which the agent was woken: Plane's id to store time. */
  told: Record<string, Ms>;
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
  /** Store time of the next check of whether the agent reacts; absent: it works, or there is nothing to check. */
  checkAt?: Ms;
  /** A person was notified at this store time; `answered` when the agent had called without finishing a task. */
  notified?: { at: Ms; answered?: true };
}

export const EMPTY_WAKE: KeptWake = { pending: [], told: {} };

export const wakeKeys = {
  wake: (agent: string): StoreKey => `wake:${encodeURIComponent(agent)}`,
  /** The agent's last call. */
  lastCall: (agent: string): StoreKey => `seen:${encodeURIComponent(agent)}`,
  /** The mark that an event's job was added to a wake, which makes a second commit of that job stale. */
  addedJob: (job: string): StoreKey => `woken:${encodeURI(job)}`,
  /** The version of the OpenClaw gateway at a URL, as its answers showed. */
  gateway: (url: string): StoreKey => `wake:gateway:${encodeURIComponent(url)}`,
} as const;

/** The stored last call of an agent. All times are store times of the beginning of a call. */
export interface KeptLastCall {
  at: Ms;
  /** The last call that succeeded in planning or in writing to a person, which answers a wish. */
  answered?: Ms;
}

import type { Revision, StoreKey } from "../store/port.ts";
import type { Ms } from "../time.ts";

/** Why an agent is woken. */
export type WakeReason =
  | "assigned"
  | "unblocked"
  | "answered"
  | "sent_back"
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

/** The stored state of an agent's wakes. */
export interface KeptWake {
  /** The tasks of the next wake. */
  pending: WakeTask[];
  /** Store time at which the next wake is due; absent when no task is pending. */
  dueAt?: Ms;
  /** The startable tasks for which the agent was woken: Plane's id to store time. */
  told: Record<string, Ms>;
  /** Those of them that a tick found in the store, with the revision it read: jobs of earlier events add nothing new. */
  found?: Record<string, Revision>;
  /**
   * The last wake, until the agent calls. `posting` during the call and after a process ended in it, `failed` when the
   * wake certainly did not arrive.
   */
  sent?: { id: string; job: string; at: Ms; state: "posting" | "failed" | "posted"; tasks: WakeTask[] };
  /** Number of consecutive wakes without a call of the agent. */
  unheard?: number;
}

export const EMPTY_WAKE: KeptWake = { pending: [], told: {} };

export const wakeKeys = {
  wake: (agent: string): StoreKey => `wake:${encodeURIComponent(agent)}`,
  /** The agent's last call. */
  lastCall: (agent: string): StoreKey => `seen:${encodeURIComponent(agent)}`,
  /** The mark that an event's job was added to a wake, which makes a second commit of that job stale. */
  addedJob: (job: string): StoreKey => `woken:${encodeURI(job)}`,
} as const;

/** The stored last call of an agent. */
export interface KeptLastCall {
  /** Store time. */
  at: Ms;
}

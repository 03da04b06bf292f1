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
  | "asked_for";

/** One thing an agent is to look at. Titles and texts are data of others; they stay in fields of their own. */
export interface WakeTask {
  /** Plane's id of the item or project. */
  id: string;
  /** `ONB-12`, or a project's identifier. */
  key: string;
  reason: WakeReason;
  title?: string;
  /** What somebody said about it: an answer, a reason, a request. */
  text?: string;
}

/** What is kept of an agent's wakes. */
export interface KeptWake {
  /** What the next wake is about. */
  pending: WakeTask[];
  /** When it is due; absent when nothing is pending. */
  dueAt?: Ms;
  /** The startable tasks the agent has been told of: Plane's id to store time. */
  told: Record<string, Ms>;
  /** Those of them that a tick found by itself, in the revision it saw: a notice of what led to that is no news. */
  found?: Record<string, Revision>;
  /**
   * The last wake, while it is watched whether the agent does anything. `posting` when the call is being made or the
   * process ended in it, `failed` when it surely did not arrive.
   */
  sent?: { id: string; job: string; at: Ms; state: "posting" | "failed" | "posted"; tasks: WakeTask[] };
  /** Wakes in a row after which the agent did nothing. */
  unheard?: number;
}

export const EMPTY_WAKE: KeptWake = { pending: [], told: {} };

export const wakeKeys = {
  wake: (agent: string): StoreKey => `wake:${encodeURIComponent(agent)}`,
  /** When the agent last called: store time. */
  seen: (agent: string): StoreKey => `seen:${encodeURIComponent(agent)}`,
  /** A notice that is in a wake; a second commit of the same job is stale. */
  taken: (job: string): StoreKey => `woken:${encodeURI(job)}`,
} as const;

/** When an agent last called, for the commit that keeps the call. */
export interface KeptLastCall {
  at: Ms;
}

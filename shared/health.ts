import { omitUndefined } from "./omit-undefined.ts";
import type { Ms } from "./time.ts";

/** External systems whose health is reported. */
export type HealthComponent = "plane" | "telegram";

/** What the first look at Plane has not read yet. */
export interface FirstLook {
  /** Projects whose items were not all read. */
  projects_left: number;
  /** Agents' open tasks whose blockers are unknown. */
  tasks_left: number;
  /** Other open items whose blockers are read because a notification or forwarding rule could match them. */
  items_left: number;
  /** All projects. */
  projects: number;
  /** Work items that were read so far, in all projects. */
  items_read: number;
  /** What is read now: the projects' items, and when those of all projects are known, blockers. */
  stage: "projects" | "blockers";
  /** How much of this stage is done, from 0 to 100. */
  percent: number;
}

export interface ComponentHealth {
  /** Whether the last call succeeded; null before the first call. */
  ok: boolean | null;
  /** Seconds since the last successful call; null if there was none. */
  age_s: number | null;
  /** Reason of the last failure; absent when the last call succeeded. */
  error?: string;
  /** Seconds for which a rate limit of the system still stops all requests; absent unless it is a long one. */
  hold_s?: number;
}

/** Results of the latest calls to Plane and Telegram, in memory only. */
export interface Health {
  recordSuccess(part: HealthComponent): void;
  recordFailure(part: HealthComponent, reason: string): void;
  get(part: HealthComponent): ComponentHealth;
}

/** `redact` removes secrets from failure reasons, because `/ready` returns them. */
export function createHealth(clock: () => Ms, redact: (text: string) => string): Health {
  const lastSuccess = new Map<HealthComponent, Ms>();
  const errors = new Map<HealthComponent, string>();
  return {
    recordSuccess(part) {
      lastSuccess.set(part, clock());
      errors.delete(part);
    },
    recordFailure(part, reason) {
      errors.set(part, redact(reason));
    },
    get(part) {
      const at = lastSuccess.get(part);
      const error = errors.get(part);
      const ok = error !== undefined ? false : at === undefined ? null : true;
      const age_s = at === undefined ? null : Math.max(0, Math.round((clock() - at) / 1000));
      return { ok, age_s, ...omitUndefined({ error }) };
    },
  };
}

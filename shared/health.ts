import { omitUndefined } from "./omit-undefined.ts";
import type { Ms } from "./time.ts";

/** What we depend on and do not own. */
export type HealthComponent = "plane" | "telegram";

export interface ComponentHealth {
  /** How the last use went; null before the first one. */
  ok: boolean | null;
  /** Seconds since it last worked; null when it has not yet. */
  age_s: number | null;
  /** Why it does not work now. */
  error?: string;
}

/** How the last uses of Plane and Telegram went, kept in memory. */
export interface Health {
  recordSuccess(part: HealthComponent): void;
  recordFailure(part: HealthComponent, reason: string): void;
  get(part: HealthComponent): ComponentHealth;
}

/** `redact` keeps secrets out of the reasons, which are shown. */
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

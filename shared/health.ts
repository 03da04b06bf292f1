import type { Ms } from "./store/port.ts";

/** What we depend on and do not own. */
export type Part = "plane" | "telegram";

export interface PartHealth {
  /** How the last use went; null before the first one. */
  ok: boolean | null;
  /** Seconds since it last worked; null when it has not yet. */
  age_s: number | null;
  /** Why it does not work now. */
  error?: string;
}

/** How the last uses of Plane and Telegram went, kept in memory. */
export interface Health {
  worked(part: Part): void;
  failed(part: Part, reason: string): void;
  of(part: Part): PartHealth;
}

/** `redact` keeps secrets out of the reasons, which are shown. */
export function createHealth(clock: () => Ms, redact: (text: string) => string): Health {
  const workedAt = new Map<Part, Ms>();
  const errors = new Map<Part, string>();
  return {
    worked(part) {
      workedAt.set(part, clock());
      errors.delete(part);
    },
    failed(part, reason) {
      errors.set(part, redact(reason));
    },
    of(part) {
      const at = workedAt.get(part);
      const error = errors.get(part);
      const ok = error !== undefined ? false : at === undefined ? null : true;
      const age_s = at === undefined ? null : Math.max(0, Math.round((clock() - at) / 1000));
      return { ok, age_s, ...(error !== undefined && { error }) };
    },
  };
}

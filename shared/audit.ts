import type { Deps } from "./deps.ts";
import { messageOf } from "./errors.ts";
import type { Log, LogFields } from "./log.ts";
import type { Ms, Put, SetName, Store } from "./store/port.ts";
import { descending } from "./why/trail.ts";

/** Who did what with which task, how it ended and how long it took. It holds names, never texts. */
export interface Call {
  /** When it began, by our clock. */
  at: Ms;
  agent: string;
  tool: string;
  /** The work item's key (`ONB-12`), or its id in Plane where no key is known. */
  item?: string;
  /** `ok`, or the error's code. */
  outcome: string;
  ms: Ms;
  via: "mcp" | "http";
  /** Under which the log tells more. */
  correlation: string;
}

/** A call can be looked up for so long. */
export const AUDIT_MS: Ms = 30 * 86_400_000;

/** So many lines go into one commit at most. */
const BATCH = 200;
/** So many wait for a store that does not answer; each further one is in the log only. */
const WAITING = 5_000;

export const auditSets = {
  all: "audit",
  about: (item: string): SetName => `audit:item:${encodeURIComponent(item)}`,
} as const;

/** Counts the lines of this process, whichever door they come from. */
let number = 0;

type AuditDeps = Pick<Deps, "log" | "newId"> & { store: Pick<Store, "commit"> };

/**
 * Keeps calls without making them wait: lines that come while a commit is under way go into the next one together.
 * The returned promise resolves when this line is kept, or is in the log as one that could not be.
 */
export function createAudit({ store, log, newId }: AuditDeps): (call: Call) => Promise<void> {
  let waiting: Call[] = [];
  let writing: Promise<void> | undefined;

  /** Newest first where keys are listed in order, also within one millisecond. */
  function put(call: Call): Put {
    number += 1;
    return {
      key: `audit:${descending(call.at)}:${descending(number)}:${newId().slice(0, 8)}`,
      value: call,
      sets: [auditSets.all, ...(call.item === undefined ? [] : [auditSets.about(call.item)])],
      expires: AUDIT_MS,
    };
  }

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      waiting = waiting.slice(BATCH);
      try {
        await store.commit({ put: batch.map(put) });
      } catch (thrown) {
        for (const call of batch) notKept(log, call, messageOf(thrown));
      }
    }
    writing = undefined;
  }

  return async (call) => {
    if (waiting.length >= WAITING) return notKept(log, call, "the store is behind");
    waiting.push(call);
    writing ??= write();
    await writing;
  };
}

function notKept(log: Log, { at, ...call }: Call, error: string) {
  const fields: LogFields = { ...call, at: new Date(at).toISOString(), error };
  log.error("call not kept in the audit", fields);
}

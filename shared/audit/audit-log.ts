import type { Deps } from "../app/deps.ts";
import { getErrorMessage } from "../errors.ts";
import { keepDefined } from "../keep-defined.ts";
import type { Log, LogFields } from "../log.ts";
import { toDescendingKey } from "../store/descending-key.ts";
import type { Put, SetName, Store } from "../store/port.ts";
import { DAY, type Ms } from "../time.ts";

/** Who did what with which task, how it ended and how long it took. It holds names, never texts. */
export interface AuditEntry {
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
export const AUDIT_RETENTION_MS: Ms = 30 * DAY;

/** So many lines go into one commit at most. */
const BATCH_SIZE = 200;
/** So many wait for a store that does not answer; each further one is in the log only. */
const MAX_WAITING = 5_000;

export const auditSets = {
  all: "audit",
  about: (item: string): SetName => `audit:item:${encodeURIComponent(item)}`,
} as const;

/** Counts the lines of this process, whichever door they come from. */
let entryNumber = 0;

type AuditLogDeps = Pick<Deps, "log" | "newId"> & { store: Pick<Store, "commit"> };

/**
 * Keeps calls without making them wait: lines that come while a commit is under way go into the next one together.
 * The returned promise resolves when this line is kept, or is in the log as one that could not be.
 */
export function createAuditLog({ store, log, newId }: AuditLogDeps): (entry: AuditEntry) => Promise<void> {
  let waiting: AuditEntry[] = [];
  let writing: Promise<void> | undefined;

  /** Newest first where keys are listed in order, also within one millisecond. */
  function toPut(entry: AuditEntry): Put {
    entryNumber += 1;
    return {
      key: `audit:${toDescendingKey(entry.at)}:${toDescendingKey(entryNumber)}:${newId().slice(0, 8)}`,
      value: entry,
      sets: keepDefined([auditSets.all, entry.item === undefined ? undefined : auditSets.about(entry.item)]),
      expires: AUDIT_RETENTION_MS,
    };
  }

  async function writeBatches(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_SIZE);
      waiting = waiting.slice(BATCH_SIZE);
      try {
        await store.commit({ put: batch.map(toPut) });
      } catch (thrown) {
        for (const entry of batch) logUnwrittenEntry(log, entry, getErrorMessage(thrown));
      }
    }
    writing = undefined;
  }

  return async (entry) => {
    if (waiting.length >= MAX_WAITING) return logUnwrittenEntry(log, entry, "the store is behind");
    waiting.push(entry);
    writing ??= writeBatches();
    await writing;
  };
}

function logUnwrittenEntry(log: Log, { at, ...entry }: AuditEntry, error: string) {
  const fields: LogFields = { ...entry, at: new Date(at).toISOString(), error };
  log.error("call not kept in the audit", fields);
}

/**
 * The audit log: who called which agent tool, for which task, with what outcome. Entries are names, never texts; they
 * are stored in batches for 30 days and never delay a call.
 */

import { getErrorMessage } from "../errors.ts";
import type { Log, LogFields } from "../log.ts";
import { keepDefined } from "../omit-undefined.ts";
import type { Put, SetName, Store } from "../store/port.ts";
import { toDescendingKey } from "../store/records.ts";
import { DAY, type Ms } from "../time.ts";
import type { Deps } from "./deps.ts";

/** A call of an agent tool: who, which tool, which task, outcome and duration. It contains names, never texts. */
export interface AuditEntry {
  /** Start of the call by the local clock. */
  at: Ms;
  agent: string;
  tool: string;
  /** The work item's key (`ONB-12`), or its id in Plane where no key is known. */
  item?: string;
  /** `ok`, or the error's code. */
  outcome: string;
  ms: Ms;
  via: "mcp" | "http";
  /** Correlation id of the call's log lines. */
  correlation: string;
}

type AuditLogDeps = Pick<Deps, "log" | "newId"> & { store: Pick<Store, "commit"> };

/** Retention of audit entries: 30 days. */
const AUDIT_RETENTION_MS: Ms = 30 * DAY;

/** Limit of entries in one commit: 200. */
const BATCH_SIZE = 200;

/** Limit of entries that wait for a slow store: 5,000; further entries are written to the log only. */
const MAX_WAITING = 5_000;

export const auditSets = {
  all: "audit",
  about: (item: string): SetName => `audit:item:${encodeURIComponent(item)}`,
} as const;

/**
 * Number of entries of this process, over all audit logs, so that keys of the same millisecond differ and stay in
 * order.
 */
let entryNumber = 0;

/**
 * Creates a function that stores audit entries. Entries that arrive during a commit are written together in the next
 * one. The returned promise resolves when the entry is stored, or is written to the log because it could not be stored.
 * `createPuts` returns what the same commit also writes about these calls.
 */
export function createAuditLog(
  { store, log, newId }: AuditLogDeps,
  createPuts: (calls: readonly AuditEntry[]) => Promise<Put[]> = async () => [],
): (entry: AuditEntry) => Promise<void> {
  let waiting: AuditEntry[] = [];
  let writing: Promise<void> | undefined;

  /** The key sorts the newest entries first, also within one millisecond. */
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
        await store.commit({ put: [...batch.map(toPut), ...(await createPuts(batch))] });
      } catch (thrown) {
        for (const entry of batch) logUnwrittenEntry(log, entry, getErrorMessage(thrown));
      }
    }
    writing = undefined;
  }

  return async (entry) => {
    if (waiting.length >= MAX_WAITING) return logUnwrittenEntry(log, entry, "too many entries waiting for the store");
    waiting.push(entry);
    writing ??= writeBatches();
    await writing;
  };
}

function logUnwrittenEntry(log: Log, { at, ...entry }: AuditEntry, error: string) {
  const fields: LogFields = { ...entry, at: new Date(at).toISOString(), error };
  log.error("audit entry not stored", fields);
}

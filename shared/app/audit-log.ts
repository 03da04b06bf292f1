/**
 * The audit log: which agent called which tool, and which person did what, for which task, with what outcome. Entries
 * are names, never texts; they are stored for 30 days, those of calls in batches that never delay a call.
 */

import { getErrorMessage } from "../errors.ts";
import type { Log, LogFields } from "../log.ts";
import { keepDefined } from "../omit-undefined.ts";
import type { Put, SetName, Store } from "../store/port.ts";
import { toDescendingKey } from "../store/records.ts";
import { DAY, type Ms } from "../time.ts";
import type { Deps } from "./deps.ts";

/**
 * A call of an agent tool, or what a person did: who, what, for which task, outcome and duration. It contains names,
 * never texts.
 */
export interface AuditEntry {
  /** Start of the call by the local clock. */
  at: Ms;
  agent?: string;
  /** The name of the person; entries have one or the other. */
  person?: string;
  /** The agent's tool; of a person the route (`POST /api/requests/:id`), or what they did in Telegram (`approve`). */
  tool: string;
  /** The work item's key (`ONB-12`), or its id in Plane where no key is known. */
  item?: string;
  /** `ok`, or the error's code. */
  outcome: string;
  ms: Ms;
  /** The address that an agent's call came from. */
  from?: string;
  via: "mcp" | "http" | "page" | "api" | "cli" | "telegram";
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

/** Creates the record of an entry. The key sorts the newest entries first, also within one millisecond. */
export function createAuditPut(entry: AuditEntry, id: string): Put {
  entryNumber += 1;
  return {
    key: `audit:${toDescendingKey(entry.at)}:${toDescendingKey(entryNumber)}:${id.slice(0, 8)}`,
    value: entry,
    sets: keepDefined([auditSets.all, entry.item === undefined ? undefined : auditSets.about(entry.item)]),
    expires: AUDIT_RETENTION_MS,
  };
}

/**
 * Creates a function that stores audit entries. Entries that arrive during a commit are written together in the next
 * one. The returned promise resolves when the entry is stored, or is written to the log because it could not be stored.
 * `createPuts` returns what the same commit also writes about these calls.
 */
export function createAuditLog<Entry extends AuditEntry = AuditEntry>(
  { store, log, newId }: AuditLogDeps,
  createPuts: (calls: readonly Entry[]) => Promise<Put[]> = async () => [],
): (entry: Entry) => Promise<void> {
  let waiting: Entry[] = [];
  let writing: Promise<void> | undefined;

  async function writeBatches(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_SIZE);
      waiting = waiting.slice(BATCH_SIZE);
      try {
        const put = batch.map((entry) => createAuditPut(entry, newId()));
        await store.commit({ put: [...put, ...(await createPuts(batch))] });
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

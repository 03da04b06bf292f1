/**
 * The number of the store's format: an older or newer store is refused. A restored backup keeps only the records that
 * are listed here; the rest is read from Plane again.
 */

import { VERSION } from "../version.ts";
import { type Put, type Store, type StoreKey, WORKSPACE_KEY } from "./port.ts";
import { updateValue } from "./records.ts";

interface StoredFormat {
  format: number;
  /** The version of Groundcrew that first used this format on the store. */
  version: string;
  /** Identifies this store: another one at the same place means that it was emptied and is filled again. */
  id: string;
}

/**
 * The form of all stored records. It grows by one when a version stores something that another one would misread.
 * Stores are not converted: Plane keeps the work, and what else a store has is rebuilt or given up.
 */
export const STORE_FORMAT = 8;

/** The key of the format's record, the same in every version. */
export const STORE_FORMAT_KEY = "meta:format";

/** The store has another format than this version uses. Nothing was changed. */
export class StoreFormatError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "StoreFormatError";
  }
}

function createLaterFormatError({ format, version }: StoredFormat): StoreFormatError {
  return new StoreFormatError(
    `The store was last used by Groundcrew ${version} and has its format ${format}; this is ${VERSION}, which uses ` +
      `format ${STORE_FORMAT}. Start ${version} or a later version, or restore a backup from before the upgrade.`,
  );
}

/** @param format of the store, when it is known */
export function createOlderFormatError(format?: number): StoreFormatError {
  const found = format === undefined ? `a format before ${STORE_FORMAT}` : `format ${format}`;
  return new StoreFormatError(
    `The store was written by an earlier version of Groundcrew and has ${found}; this is ${VERSION}, which uses format ` +
      `${STORE_FORMAT} and does not convert older stores. Delete the store, or set STORE_URL (with Redis also STORE_PREFIX) to ` +
      "another place: projects and tasks are in Plane, and Groundcrew reads them again. The decision log, the messages on " +
      "the page, mutes and sums of time and cost begin anew.",
  );
}

/**
 * The records of an old store that a restore keeps, by the beginning of their keys. They are history, sums and marks of
 * what was done: nothing is sent, written or started because of them. Everything else is left out, because it describes
 * work under way or the state of Plane when the backup was made, and acting on it would repeat old messages or wakes.
 * Groundcrew reads it from Plane again, as after a lost store.
 */
const RESTORED_PREFIXES = [
  // The decision log, the audit of agents' calls, and the messages on the page.
  "decision:",
  "audit:",
  "message:",
  // Which message is about what, so that replies to older messages are understood.
  "sent:",
  "message-tasks:",
  "thread:",
  "migration:",
  // What people muted.
  "mute:",
  // Spending by agent, month and day, and finished tasks, for budgets and estimates.
  "spent:",
  "month:",
  "agentday:",
  "finished:",
  // Marks of what was sent or done, so that it is not repeated.
  "delivery:",
  "update-done:",
  "digest:",
  "budget-notice:",
  "idempotency:",
  "procedure:upload:",
  "delivered:",
  // Which existing items Groundcrew may write to.
  "managed:",
  "mirror:",
] as const;

/** Records that a restore keeps, by their whole keys. */
const RESTORED_KEYS: readonly StoreKey[] = [STORE_FORMAT_KEY, "telegram-offset"];

/**
 * Records this version's format in the store, before anything else is written. Throws a StoreFormatError, and writes
 * nothing, when the store has another format. A store without a format is older when it has the record of the
 * workspace, with which the format is written again after the store was emptied under a running Groundcrew. Returns the
 * store's id, which is new when the store was empty.
 */
export async function claimStoreFormat(store: Pick<Store, "read" | "commit">): Promise<string> {
  return updateValue<StoredFormat, string>({ store }, STORE_FORMAT_KEY, async (stored) => {
    if (stored && stored.format > STORE_FORMAT) throw createLaterFormatError(stored);
    if (stored && stored.format < STORE_FORMAT) throw createOlderFormatError(stored.format);
    if (stored) return { result: stored.id };
    const [workspace] = await store.read([WORKSPACE_KEY]);
    if (workspace) throw createOlderFormatError();
    const value = createFormat();
    return { put: [{ key: STORE_FORMAT_KEY, value }], result: value.id };
  });
}

/** The record of the format, for every commit that begins to fill a store. */
export function createFormatPut(): Put {
  return { key: STORE_FORMAT_KEY, value: createFormat() };
}

function createFormat(): StoredFormat {
  return { format: STORE_FORMAT, version: VERSION, id: crypto.randomUUID() };
}

/** Whether a record of an old store is kept when the store is restored. */
export function isRestoredRecord(key: StoreKey): boolean {
  return RESTORED_KEYS.includes(key) || RESTORED_PREFIXES.some((prefix) => key.startsWith(prefix));
}

import type { StoreKey } from "./port.ts";
import { STORE_FORMAT_KEY } from "./store-format.ts";

/**
 * The records of an old store that a restore keeps, by the beginning of their keys. They are history, sums and marks of
 * what was done: nothing is sent, written or started because of them. Everything else is left out, because it describes
 * work under way or the state of Plane when the backup was made, and acting on it would repeat old messages or wakes.
 * Groundcrew reads it from Plane again, as after a lost store.
 */
const RESTORED_PREFIXES = [
  // The decision log, the audit of agents' calls, and the messages on the page.
  "why:",
  "audit:",
  "message:",
  // Which message is about what, so that replies to older messages are understood.
  "sent:",
  "about:",
  "thread:",
  "moved:",
  // What people muted.
  "mute:",
  // Spending by agent, month and day, and finished tasks, for budgets and estimates.
  "spent:",
  "month:",
  "agentday:",
  "finished:",
  // Marks of what was sent or done, so that it is not repeated.
  "told:",
  "heard:",
  "digest:",
  "budget-notice:",
  "said:",
  "upload:",
  "delivered:",
  // Which existing items Groundcrew may write to.
  "managed:",
  "mirror:",
] as const;

/** Records that a restore keeps, by their whole keys. */
const RESTORED_KEYS: readonly StoreKey[] = [STORE_FORMAT_KEY, "telegram-offset"];

/** Whether a record of an old store is kept when the store is restored. */
export function isRestoredRecord(key: StoreKey): boolean {
  return RESTORED_KEYS.includes(key) || RESTORED_PREFIXES.some((prefix) => key.startsWith(prefix));
}

/** The record of a claim, and how it is read: the holder of a task, and how the last claim ended. */

import type { Store, StoredValue } from "../store/port.ts";
import type { ClaimLossReason } from "../task/events.ts";
import type { Status } from "../task/snapshot.ts";
import type { Ms } from "../time.ts";
import { workKeys } from "./store-keys.ts";

/**
 * The claim of an agent on a task, which is its own lease: it is taken, renewed and ended by commits that expect the
 * record to be unchanged, so of two that do so at once one starts over. It stays after its end, until the next claim.
 */
export interface ClaimRecord {
  item: string;
  project: string;
  agent: string;
  /** Greater than that of every earlier claim on the task: the number before plus 1, at least the store time. */
  fence: number;
  /** Store time. */
  since: Ms;
  /** Store time; in the far future only when the store's clock was set back, until the next renewal or claims tick. */
  until: Ms;
  /** Store time when the claim was taken or last renewed. */
  renewedAt: Ms;
  /** The task's status when the claim began, until it is started. Other people set any other one but in progress. */
  status: Status;
  /** Set once it has ended: when, and why, unless its agent was finished with the task. */
  end?: ClaimEnd;
  /** Agents that have lost a claim on the task, this one's among them, and that no call has told so. */
  losses?: ClaimLoss[];
}

/** The end of a claim, as agents, people and the audit are told of it. */
export interface ClaimEnd {
  /** Store time. */
  at: Ms;
  reason?: ClaimLossReason;
  /** Of an expired claim: for how many minutes no call had renewed it. */
  minutes?: number;
  /** The person who stopped the work, and what they wrote. */
  by?: string;
  words?: string;
}

/** Why and when an agent lost a claim that it did not release itself. */
export interface ClaimLoss extends ClaimEnd {
  reason: ClaimLossReason;
  agent: string;
  since: Ms;
}

interface StoreDeps {
  store: Pick<Store, "read">;
}

/** Finds the claim of a task that has not ended. It may have expired. */
export async function findClaim(deps: StoreDeps, item: string): Promise<ClaimRecord | undefined> {
  return (await readClaims(deps, [item]))[0]?.value;
}

/** Reads the claims of these tasks, in order; undefined for a task whose claim has ended. They may have expired. */
export async function readClaims(
  { store }: StoreDeps,
  items: readonly string[],
): Promise<(StoredValue<ClaimRecord> | undefined)[]> {
  const stored = await store.read<ClaimRecord>(items.map(workKeys.claim));
  return stored.map((record) => (record?.value.end ? undefined : record));
}

/** Reads the claims of these tasks, in order; undefined for a task without a claim and for an expired claim. */
export async function readLiveClaims(
  deps: { store: Pick<Store, "read" | "now"> },
  items: readonly string[],
): Promise<(ClaimRecord | undefined)[]> {
  const [claims, now] = await Promise.all([readClaims(deps, items), deps.store.now()]);
  return claims.map((claim) => (claim && claim.value.until > now ? claim.value : undefined));
}

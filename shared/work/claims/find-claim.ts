import type { Status } from "../../task/snapshot.ts";
import type { Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";

/**
 * The holder of a task. The lease under the same key is authoritative; this record adds the agent and the start. It is
 * written only under that lease, after it was taken or renewed, so it may end before the lease. It ends after the lease
 * only when the store's clock was set back, until the next renewal or claims tick.
 */
export interface KeptClaim {
  item: string;
  project: string;
  agent: string;
  fence: number;
  /** Store time. */
  since: Ms;
  until: Ms;
  /** Store time when the claim was taken or last renewed. Absent on claims stored before `claim_minutes` existed. */
  renewed?: Ms;
  /** Statuses the agent expects its task to have. Any other one, except in progress, was set by another user. */
  words: Status[];
}

/** Finds the claim of a task. It may have expired. */
export async function findClaim(deps: Pick<WorkDeps, "store">, item: string): Promise<KeptClaim | undefined> {
  const [kept] = await deps.store.read<KeptClaim>([workKeys.claim(item)]);
  return kept?.value;
}

/** Reads the claims of these tasks, in order; undefined for a task without a claim and for an expired claim. */
export async function readLiveClaims(
  deps: Pick<WorkDeps, "store">,
  items: readonly string[],
): Promise<(KeptClaim | undefined)[]> {
  const [kept, now] = await Promise.all([deps.store.read<KeptClaim>(items.map(workKeys.claim)), deps.store.now()]);
  return kept.map((record) => (record && record.value.until > now ? record.value : undefined));
}

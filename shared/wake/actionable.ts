import type { Deps } from "../app/deps.ts";
import { observedKeys } from "../observe/store-keys.ts";
import { isBlocked, isOpen } from "../task/diff.ts";
import type { KeptItem } from "../task/snapshot.ts";
import type { KeptClaim } from "../work/claims/claims.ts";
import { workKeys } from "../work/context/work-keys.ts";
import type { WakeReason, WakeTask } from "./wake-record.ts";

/** Those of the tasks that still ask something of the agent, as things are kept now. */
export async function filterActionableTasks(
  { store }: Pick<Deps, "store">,
  agent: string,
  tasks: readonly WakeTask[],
): Promise<WakeTask[]> {
  const ids = tasks.map(({ id }) => id);
  const [items, claims] = await Promise.all([
    store.read<KeptItem>(ids.map(observedKeys.item)),
    store.read<KeptClaim>(ids.map(workKeys.claim)),
  ]);
  return tasks.filter(({ reason }, i) => isActionable(reason, agent, items[i]?.value, claims[i]?.value));
}

function isActionable(
  reason: WakeReason,
  agent: string,
  item: KeptItem | undefined,
  claim: KeptClaim | undefined,
): boolean {
  switch (reason) {
    case "stuck":
    case "circle":
    case "project_completed":
    case "asked_for":
      return true;
    case "answered":
    case "sent_back":
      return item !== undefined && isOpenAndOwned(item, agent);
    case "assigned":
    case "unblocked":
      return item !== undefined && isStartable(item, agent, claim);
  }
}

/** Open, theirs, waiting for nothing and no review, and nobody is at it. */
export function isStartable(item: KeptItem, agent: string, claim: KeptClaim | undefined): boolean {
  return isOpenAndOwned(item, agent) && !isBlocked(item) && !item.review && claim === undefined;
}

function isOpenAndOwned(item: KeptItem, agent: string): boolean {
  return item.gone === undefined && isOpen(item.snapshot.word) && (item.owners ?? []).includes(agent);
}

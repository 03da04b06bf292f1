import type { Ms, Store } from "../../store/port.ts";
import { workKeys } from "../context/work-keys.ts";

/** The tick that looks after claims comes every minute: after so long without it nobody was there. */
const DOWN_AFTER_MS: Ms = 120_000;

/** What the tick that looks after claims keeps of its last run. */
export interface LastClaimScan {
  /** Store time. */
  at: Ms;
  /** Projects whose tasks in progress have been looked at since the store began. */
  adopted: string[];
}

/** Whether Groundcrew itself was not running: claims that ran out meanwhile had nobody to renew them with. */
export async function hasBeenDown(deps: { store: Pick<Store, "read"> }, now: Ms): Promise<boolean> {
  const [lastScan] = await deps.store.read<LastClaimScan>([workKeys.lastLook]);
  return lastScan !== undefined && now - lastScan.value.at > DOWN_AFTER_MS;
}

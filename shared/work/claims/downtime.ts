import type { Store } from "../../store/port.ts";
import { MINUTE, type Ms } from "../../time.ts";
import { workKeys } from "../context/work-keys.ts";

/** The tick that looks after claims comes every minute: after so long without it nobody was there. */
const DOWN_AFTER_MS: Ms = 2 * MINUTE;

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

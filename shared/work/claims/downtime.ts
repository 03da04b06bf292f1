import type { Store } from "../../store/port.ts";
import { MINUTE, type Ms } from "../../time.ts";
import { workKeys } from "../context/work-keys.ts";

/** Timeout for the claims tick: 2 min, because it runs every minute. A longer gap means that Groundcrew was down. */
const DOWN_AFTER_MS: Ms = 2 * MINUTE;

/** The record of the last run of the claims tick. */
export interface LastClaimScan {
  /** Store time. */
  at: Ms;
  /** Projects for which claims have been restored since the store was created. */
  adopted: string[];
}

/** Whether Groundcrew was down until just now: claims that expired meanwhile could not be renewed. */
export async function hasBeenDown(deps: { store: Pick<Store, "read"> }, now: Ms): Promise<boolean> {
  const [lastScan] = await deps.store.read<LastClaimScan>([workKeys.lastLook]);
  return lastScan !== undefined && now - lastScan.value.at > DOWN_AFTER_MS;
}

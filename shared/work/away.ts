import type { Ms, Store } from "../store/port.ts";
import { workKeys } from "./keys.ts";

/** The tick that looks after claims comes every minute: after so long without it nobody was there. */
const AWAY_MS: Ms = 120_000;

/** What the tick that looks after claims keeps of its last run. */
export interface LastLook {
  /** Store time. */
  at: Ms;
  /** Projects whose tasks in progress have been looked at since the store began. */
  adopted: string[];
}

/** Whether Groundcrew itself was not running: claims that ran out meanwhile had nobody to renew them with. */
export async function wasAway(deps: { store: Pick<Store, "read"> }, now: Ms): Promise<boolean> {
  const [last] = await deps.store.read<LastLook>([workKeys.lastLook]);
  return last !== undefined && now - last.value.at > AWAY_MS;
}

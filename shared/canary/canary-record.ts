import type { Store, StoreKey } from "../store/port.ts";
import type { Ms } from "../time.ts";

/**
 * External source and id of the canary in Plane: a work item with a comment that is edited only to check that Plane's
 * webhooks arrive.
 */
export const CANARY_EXTERNAL_REF = { external_source: "groundcrew", external_id: "canary" } as const;

/** External source and id of another canary, used when Plane refuses to edit the item that has the usual ones. */
export function createFallbackCanaryRef(day: string) {
  return { ...CANARY_EXTERNAL_REF, external_id: `${CANARY_EXTERNAL_REF.external_id}:${day}` };
}

/** Whether this work item or comment from Plane belongs to a canary. */
export function isCanary(entity: {
  external_source?: string | null | undefined;
  external_id?: string | null | undefined;
}): boolean {
  const { external_source, external_id } = entity;
  if (external_source !== CANARY_EXTERNAL_REF.external_source) return false;
  return (
    external_id === CANARY_EXTERNAL_REF.external_id ||
    external_id?.startsWith(createFallbackCanaryRef("").external_id) === true
  );
}

/** The stored state of the canary; times are store times. */
export interface KeptCanary {
  project: string;
  item: string;
  comment: string;
  /** The last edit. */
  sent?: { nonce: string; at: Ms };
  /** The last webhook that arrived for an edit, and the time it took. */
  back?: { nonce: string; at: Ms; took: Ms };
  /** Time of the first edit whose webhook did not arrive in time; absent while webhooks arrive. */
  silentSince?: Ms;
}

export const canaryKey: StoreKey = "canary";

/** Reads the canary's state; undefined when none was sent yet. */
export async function readCanary(store: Pick<Store, "read">): Promise<KeptCanary | undefined> {
  const [kept] = await store.read<KeptCanary>([canaryKey]);
  return kept?.value;
}

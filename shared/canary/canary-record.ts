import type { Store, StoreKey } from "../store/port.ts";
import type { Ms } from "../time.ts";

/**
 * The canary: one comment on one work item, kept for nothing but being edited, so that a webhook that should come does
 * come. Both carry this pair in Plane.
 */
export const CANARY_EXTERNAL_REF = { external_source: "groundcrew", external_id: "canary" } as const;

/** The pair of one that is made beside another of which Plane knows the pair, but which it lets nobody edit. */
export function createFallbackCanaryRef(day: string) {
  return { ...CANARY_EXTERNAL_REF, external_id: `${CANARY_EXTERNAL_REF.external_id}:${day}` };
}

/** Whether this work item or comment, as Plane tells it, is a canary's. */
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

/** What is kept of the canary; times are the store's. */
export interface KeptCanary {
  project: string;
  item: string;
  comment: string;
  /** What was written last, and when. */
  sent?: { nonce: string; at: Ms };
  /** The last webhook of it that came, and how long it took. */
  back?: { nonce: string; at: Ms; took: Ms };
  /** Since when none came in time. */
  silentSince?: Ms;
}

export const canaryKey: StoreKey = "canary";

/** How Plane's webhooks are, as far as the canary tells; undefined when none was sent yet. */
export async function readCanary(store: Pick<Store, "read">): Promise<KeptCanary | undefined> {
  const [kept] = await store.read<KeptCanary>([canaryKey]);
  return kept?.value;
}

import type { Settings } from "../config/settings.ts";
import { omitUndefined } from "../omit-undefined.ts";
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

/**
 * The stored state of the canary; times are store times. `address`: the settings of the address that webhooks must reach
 * (see `describeAddress`); absent in records of version 0.2 and before.
 */
export interface KeptCanary {
  project: string;
  item: string;
  comment: string;
  /** The last edit. */
  sent?: { nonce: string; at: Ms; address?: string };
  /** The last webhook that arrived for an edit, and the time it took. */
  back?: { nonce: string; at: Ms; took: Ms; address?: string };
  /** Time of the first edit whose webhook did not arrive in time; absent while webhooks arrive. */
  silentSince?: Ms;
}

export const canaryKey: StoreKey = "canary";

/** Reads the canary's state; undefined when none was sent yet. */
export async function readCanary(store: Pick<Store, "read">): Promise<KeptCanary | undefined> {
  const [kept] = await store.read<KeptCanary>([canaryKey]);
  return kept?.value;
}

/** Describes the settings that decide where webhooks arrive. A result of the canary counts only for the same ones. */
export function describeAddress({ host, port, publicUrl }: Pick<Settings, "host" | "port" | "publicUrl">): string {
  return [host, port, publicUrl ?? ""].join(" ");
}

/** The canary without results that were obtained with another address. */
export function keepCurrentResults(canary: KeptCanary, settings: Parameters<typeof describeAddress>[0]): KeptCanary {
  const { back, silentSince, ...rest } = canary;
  const address = describeAddress(settings);
  const isCurrent = (result: { address?: string } | undefined) =>
    result !== undefined && (result.address === undefined || result.address === address);
  return {
    ...rest,
    ...omitUndefined({
      back: isCurrent(back) ? back : undefined,
      silentSince: isCurrent(rest.sent) ? silentSince : undefined,
    }),
  };
}

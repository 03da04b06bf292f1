/**
 * The canary: an hourly change in Plane whose webhook must arrive. Its record, the handling of that webhook, and the
 * notice when it fails or works again.
 */

import type { Deps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Store, StoreKey } from "../store/port.ts";
import { updateValue } from "../store/records.ts";
import type { Ms } from "../time.ts";

/**
 * The stored state of the canary; times are store times. `address`: the settings of the address that webhooks must
 * reach (see `describeAddress`).
 */
export interface CanaryRecord {
  project: string;
  item: string;
  comment: string;
  /** The last edit. */
  lastEdit?: { nonce: string; at: Ms; address: string };
  /** The last webhook that arrived for an edit, and the time it took. */
  lastArrival?: { nonce: string; at: Ms; durationMs: Ms; address: string };
  /** Time of the first edit whose webhook did not arrive in time; absent while webhooks arrive. */
  silentSince?: Ms;
}

export const canaryKey: StoreKey = "canary";

/** Reads the canary's state; undefined when none was sent yet. */
export async function readCanary(store: Pick<Store, "read">): Promise<CanaryRecord | undefined> {
  const [stored] = await store.read<CanaryRecord>([canaryKey]);
  return stored?.value;
}

/** Describes the settings that decide where webhooks arrive. A result of the canary counts only for the same ones. */
export function describeAddress({ host, port, publicUrl }: Pick<Settings, "host" | "port" | "publicUrl">): string {
  return [host, port, publicUrl ?? ""].join(" ");
}

/** Reads the canary without results that were obtained with another address; undefined when none was sent yet. */
export async function readCurrentCanary({
  store,
  settings,
}: Pick<Deps, "store" | "settings">): Promise<CanaryRecord | undefined> {
  const canary = await readCanary(store);
  if (!canary) return undefined;
  const { lastArrival, silentSince, ...rest } = canary;
  const address = describeAddress(settings);
  const isCurrent = (result: { address: string } | undefined) => result?.address === address;
  return {
    ...rest,
    ...omitUndefined({
      lastArrival: isCurrent(lastArrival) ? lastArrival : undefined,
      silentSince: isCurrent(rest.lastEdit) ? silentSince : undefined,
    }),
  };
}

/** Handles a webhook of the canary's comment. Webhooks of earlier edits are ignored, because they may be very late. */
export async function handleCanaryWebhook(
  deps: Pick<Deps, "store" | "log" | "notices">,
  html: string,
  correlation: string,
): Promise<void> {
  await updateValue<CanaryRecord>(deps, canaryKey, async (stored) => {
    const { lastEdit: sent, lastArrival, silentSince, ...location } = stored ?? {};
    if (!sent || !html.includes(sent.nonce) || lastArrival?.nonce === sent.nonce) return undefined;
    const now = await deps.store.now();
    const took = Math.max(0, now - sent.at);
    const value = {
      ...location,
      lastEdit: sent,
      lastArrival: { ...sent, at: now, durationMs: took },
    } satisfies Partial<CanaryRecord>;
    const afterCommit = () => {
      deps.log.info("canary webhook received", { correlation, ms: took });
      if (silentSince !== undefined) deps.log.warn("webhooks from Plane arrive again", { correlation, ms: took });
    };
    return { put: [{ key: canaryKey, value }], afterCommit };
  });
  await deps.notices.report("webhook_off", undefined);
}

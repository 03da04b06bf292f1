import { VERSION } from "../version.ts";
import type { Store } from "./port.ts";
import { updateValue } from "./update.ts";

/**
 * The form of all stored records. It grows by one when a version stores something that its predecessor would misread.
 * A store without a format was written by version 0.2 or earlier, which every later version reads.
 */
export const STORE_FORMAT = 1;

/** The key of the format's record, the same in every version. */
export const STORE_FORMAT_KEY = "meta:format";

export interface StoredFormat {
  format: number;
  /** The version of Groundcrew that first used this format on the store. */
  version: string;
}

/** The store was written by a later version of Groundcrew. Nothing was changed. */
export class StoreFormatError extends Error {
  constructor({ format, version }: StoredFormat) {
    super(
      `The store was last used by Groundcrew ${version} and has its format ${format}; this is ${VERSION}, which reads up to ` +
        `format ${STORE_FORMAT}. Start ${version} or a later version, or restore a backup from before the upgrade.`,
    );
    this.name = "StoreFormatError";
  }
}

/**
 * Records this version's format in the store, before anything else is written. Throws a StoreFormatError, and writes
 * nothing, when a later version has used the store.
 */
export async function claimStoreFormat(store: Pick<Store, "read" | "commit">): Promise<void> {
  await updateValue<StoredFormat>({ store }, STORE_FORMAT_KEY, (stored) => {
    if (stored && stored.format > STORE_FORMAT) throw new StoreFormatError(stored);
    if (stored?.format === STORE_FORMAT) return undefined;
    return { put: [{ key: STORE_FORMAT_KEY, value: { format: STORE_FORMAT, version: VERSION } }] };
  });
}

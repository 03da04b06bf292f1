import type { Ms } from "../time.ts";
import type { CheckedCommit, CheckedJob, CheckedPut } from "./check-commit.ts";
import type { Revision, ScanPage, SetName, Store, StoredValue, StoreKey } from "./port.ts";
import { DEFAULT_PAGE_SIZE } from "./sequence.ts";

/** The values of an engine that answers without waiting, as those in memory and in SQL do. */
interface EngineValues {
  get<T>(key: StoreKey): StoredValue<T> | undefined;
  rev(key: StoreKey): Revision;
  scan<T>(set: SetName, after: string | undefined, limit: number): ScanPage<T>;
  count(set: SetName): number;
  put(puts: CheckedPut[]): void;
}

interface CommitParts {
  values: Pick<EngineValues, "rev" | "put">;
  leases: { holds(key: StoreKey, fence: number): boolean };
  jobs: { add(jobs: CheckedJob[]): void };
}

/** Creates the reads of a store. `assertOpen` throws when the store is closed. */
export function createValueReads(
  values: Pick<EngineValues, "get" | "scan" | "count">,
  clock: () => Ms,
  assertOpen: () => void,
): Pick<Store, "now" | "read" | "scan" | "count"> {
  return {
    async now() {
      assertOpen();
      return clock();
    },
    async read<T>(keys: StoreKey[]) {
      assertOpen();
      return keys.map((key) => values.get<T>(key));
    },
    async scan(set, after, limit = DEFAULT_PAGE_SIZE) {
      assertOpen();
      return values.scan(set, after, limit);
    },
    async count(set) {
      assertOpen();
      return values.count(set);
    },
  };
}

/** Applies a commit if its lease is held and every expected revision is current. The caller makes it one transaction. */
export function applyCommit(
  { values, leases, jobs }: CommitParts,
  { expect, fence, puts, jobs: added }: CheckedCommit,
): Awaited<ReturnType<Store["commit"]>> {
  if (fence && !leases.holds(...fence)) return "fenced";
  if (expect.some(([key, rev]) => values.rev(key) !== rev)) return "stale";
  values.put(puts);
  jobs.add(added);
  return "kept";
}

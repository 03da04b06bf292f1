import { getErrorMessage } from "../errors.ts";
import type { Log } from "../log.ts";
import type { StoreCapacity } from "../store/capacity.ts";
import type { Store } from "../store/port.ts";

/** Whether the store can be written, by the results of the product's own writes and of regular probes. */
export interface StoreHealth {
  /** Reason of the last failed write; undefined while the store can be written. */
  getWriteFailure(): string | undefined;
  recordWriteFailure(thrown: unknown): void;
  /**
   * Records that a probe was written. It ends a failure unless another write has failed since the probe before it: a
   * nearly full store may accept one write and reject the next.
   */
  recordProbeSuccess(): void;
  /** The capacity that was read last; empty before the first time. */
  getCapacity(): StoreCapacity;
  recordCapacity(capacity: StoreCapacity): void;
}

export function createStoreHealth(log: Log): StoreHealth {
  let failure: string | undefined;
  let hasFailedSinceProbe = false;
  let lastCapacity: StoreCapacity = {};
  return {
    getWriteFailure: () => failure,
    recordWriteFailure(thrown) {
      const error = getErrorMessage(thrown);
      if (failure === undefined) log.error("the store cannot be written", { error });
      failure = error;
      hasFailedSinceProbe = true;
    },
    recordProbeSuccess() {
      if (failure !== undefined && !hasFailedSinceProbe) {
        log.info("the store can be written again");
        failure = undefined;
      }
      hasFailedSinceProbe = false;
    },
    getCapacity: () => lastCapacity,
    recordCapacity(capacity) {
      lastCapacity = capacity;
    },
  };
}

/**
 * Operations that change nothing in the store. `saveCopy` writes a file of its own, and its caller reports a failure;
 * the failure of a read is reported by whoever needs the value.
 */
type ReadOperation =
  | "now"
  | "read"
  | "scan"
  | "count"
  | "stats"
  | "listDeadJobs"
  | "countSpent"
  | "listHolds"
  | "readCapacity"
  | "saveCopy"
  | "close";

/** Wraps a store so that every failed write is recorded for the health report. */
export function recordStoreHealth(store: Store, health: StoreHealth): Store {
  function recordFailure<T>(write: Promise<T>): Promise<T> {
    write.catch((thrown: unknown) => {
      // A TypeError concerns invalid input, not the store.
      if (!(thrown instanceof TypeError)) health.recordWriteFailure(thrown);
    });
    return write;
  }

  // The type requires each operation of the store to be here or among the reads.
  const writes: Omit<Store, ReadOperation> = {
    commit: (...args) => recordFailure(store.commit(...args)),
    lease: (...args) => recordFailure(store.lease(...args)),
    release: (...args) => recordFailure(store.release(...args)),
    take: (...args) => recordFailure(store.take(...args)),
    settle: (...args) => recordFailure(store.settle(...args)),
    advanceRetries: (...args) => recordFailure(store.advanceRetries(...args)),
    replay: (...args) => recordFailure(store.replay(...args)),
    discard: (...args) => recordFailure(store.discard(...args)),
    spend: (...args) => recordFailure(store.spend(...args)),
    spendAll: (...args) => recordFailure(store.spendAll(...args)),
    hold: (...args) => recordFailure(store.hold(...args)),
    limitHold: (...args) => recordFailure(store.limitHold(...args)),
    takeProbe: (...args) => recordFailure(store.takeProbe(...args)),
    endProbe: (...args) => recordFailure(store.endProbe(...args)),
    trim: (...args) => recordFailure(store.trim(...args)),
    reclaimSpace: (...args) => recordFailure(store.reclaimSpace(...args)),
  };
  return { ...store, ...writes };
}

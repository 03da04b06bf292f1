import type { Store } from "../../../shared/store/port.ts";
import type { Ms } from "../../../shared/time.ts";

/** A store with a clock that only the test advances. */
export interface OpenedStore {
  store: Store;
  time: { now: Ms };
  /** Closes and opens the store again with its stored data; absent for the memory store. */
  restart?(): Promise<void>;
  /** Closes the store and deletes its data. */
  end(): Promise<void>;
}

/** Opens an empty store of one engine. */
export type OpenStore = (options?: { remember?: Ms }) => Promise<OpenedStore>;

/** 2026-11-21T00:00:00Z */
export const START_TIME: Ms = 1_795_219_200_000;

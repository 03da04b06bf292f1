import type { ObjectStorage } from "../stores/object-storage.ts";

export interface ObjectState {
  storage: ObjectStorage;
  /** Delivers no other event to the object until `run` has ended. */
  blockConcurrencyWhile<T>(run: () => Promise<T>): Promise<T>;
}

/** The variables and secrets of the Worker, and its bindings. */
export type Env = Record<string, unknown>;

import { omitUndefined } from "../omit-undefined.ts";
import type { Commit, Revision, Store, StoreKey } from "./port.ts";

interface UpdateDeps {
  store: Pick<Store, "read" | "commit">;
}

/** The commit to write if the value has not changed since it was read. Without `put` nothing is written. */
export interface ValueUpdate extends Pick<Commit, "expect" | "put" | "jobs"> {
  /** Runs after the commit has succeeded: logs, metrics and kicks, which a stale attempt must not cause. */
  afterCommit?: () => void | Promise<void>;
}

/** An update with a result for the caller, which is returned even when nothing is written. */
export type ValueUpdateWithResult<Result> = ValueUpdate & { result: Result } & Fence<Result>;

/** A commit under a lease also needs a result for the case that the lease is lost, because a retry cannot regain it. */
type Fence<Result> = { fence?: never } | { fence: [StoreKey, number]; resultIfFenced: Result };

type Compute<Value, Update> = (value: Value | undefined, rev: Revision) => Update | Promise<Update>;

/**
 * Reads the value of a key and commits the update that `compute` returns. When the value or one in `expect` was changed
 * meanwhile, it starts over from the new value, so `compute` may run several times. `rev` is 0 when nothing is stored.
 * `undefined` means no change.
 */
export async function updateValue<Value>(
  deps: UpdateDeps,
  key: StoreKey,
  compute: Compute<Value, ValueUpdate | undefined>,
): Promise<void>;
export async function updateValue<Value, Result>(
  deps: UpdateDeps,
  key: StoreKey,
  compute: Compute<Value, ValueUpdateWithResult<Result>>,
): Promise<Result>;
export async function updateValue<Value, Result>(
  { store }: UpdateDeps,
  key: StoreKey,
  compute: Compute<
    Value,
    (ValueUpdate & { result?: Result; fence?: [StoreKey, number]; resultIfFenced?: Result }) | undefined
  >,
): Promise<Result | undefined> {
  for (;;) {
    const [current] = await store.read<Value>([key]);
    const rev = current?.rev ?? 0;
    const update = await compute(current?.value, rev);
    if (!update?.put) return update?.result;
    const { expect = [], put, jobs, fence } = update;
    const outcome = await store.commit({ expect: [[key, rev], ...expect], put, ...omitUndefined({ jobs, fence }) });
    if (outcome === "stale") continue;
    if (outcome === "fenced") return update.resultIfFenced;
    await update.afterCommit?.();
    return update.result;
  }
}

import type { Store } from "../../../../shared/store/port.ts";

type WrapCall = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => (...args: A) => Promise<R>;

/** Wraps every operation of a store that claims use. */
export function wrapClaimStore(store: Store, wrapCall: WrapCall): Store {
  return {
    ...store,
    now: wrapCall(store.now),
    commit: wrapCall(store.commit),
    read: <T>(keys: string[]) => wrapCall(() => store.read<T>(keys))(),
  };
}

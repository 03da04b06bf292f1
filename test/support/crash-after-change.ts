import type { TaskDeps } from "../../shared/app/deps.ts";
import type { PlaneClient } from "../../shared/plane/endpoint.ts";
import type { Store } from "../../shared/store/port.ts";

/**
 * Wraps deps so that the process seems to end after its `nth` change of the store, of Plane or of its storage (1 is the
 * first), or when `end` is called. The last change takes effect, but its promise and all later ones never settle, as in
 * a process that has ended.
 */
export function crashAfterChange<D extends TaskDeps>(deps: D, nth = Number.POSITIVE_INFINITY) {
  let changes = 0;
  let crash: () => void = () => {};
  const crashed = new Promise<"over">((resolve) => {
    crash = () => resolve("over");
  });
  let isCrashed = false;
  const never = <T>() => new Promise<T>(() => {});

  async function runStep<T>(isChange: boolean, act: () => Promise<T>): Promise<T> {
    if (isCrashed) return never();
    const isCrashPoint = isChange && ++changes === nth;
    const result = await act();
    return isCrashPoint || isCrashed ? end() : result;
  }
  function end<T>(): Promise<T> {
    isCrashed = true;
    crash();
    return never();
  }

  const { store } = deps;
  const crashingStore: Store = {
    ...store,
    now: () => runStep(false, () => store.now()),
    read: (keys) => runStep(false, () => store.read(keys)),
    scan: (...args) => runStep(false, () => store.scan(...args)),
    commit: (commit) => runStep((commit.put?.length ?? 0) + (commit.jobs?.length ?? 0) > 0, () => store.commit(commit)),
    lease: (...args) => runStep(true, () => store.lease(...args)),
    release: (...args) => runStep(true, () => store.release(...args)),
    consume: (...args) => runStep(false, () => store.consume(...args)),
  };
  const wrapPlane = (plane: PlaneClient): PlaneClient => ({
    ...plane,
    call: (endpoint, options) => runStep(endpoint.method !== "GET", () => plane.call(endpoint, options)),
  });
  return {
    deps: {
      ...deps,
      store: crashingStore,
      fetch: ((...args) => runStep(true, () => deps.fetch(...args))) as typeof fetch,
      plane: wrapPlane(deps.plane),
      getAgentPlane: (agent: string) => {
        const found = deps.getAgentPlane(agent);
        return { ...found, plane: wrapPlane(found.plane) };
      },
      // The next process works the jobs.
      notify: () => {},
    } satisfies TaskDeps,
    end,
    /** Resolves with the work's result, or with "over" when the process ends first. */
    async orCrash<T>(work: Promise<T>): Promise<T | "over"> {
      return Promise.race([work, crashed]);
    },
  };
}

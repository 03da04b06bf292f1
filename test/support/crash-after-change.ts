import type { PlaneClient } from "../../shared/plane/client.ts";
import type { Store } from "../../shared/store/port.ts";
import type { WorkDeps } from "../../shared/work/context/call-context.ts";

/**
 * The same deps in a process that ends after its `nth` change of the store or of Plane (1 is the first; a request that
 * ends it has been done, its answer never comes). Whoever waits then waits for ever, as in a process that is gone.
 */
export function crashAfterChange(deps: WorkDeps, nth: number) {
  let changes = 0;
  let crash: () => void = () => {};
  const crashed = new Promise<"over">((resolve) => {
    crash = () => resolve("over");
  });
  let isCrashed = false;
  const never = <T>() => new Promise<T>(() => {});

  async function runStep<T>(changing: boolean, act: () => Promise<T>): Promise<T> {
    if (isCrashed) return never();
    const isCrashPoint = changing && ++changes === nth;
    const result = await act();
    if (isCrashPoint) {
      isCrashed = true;
      crash();
    }
    return isCrashed ? never() : result;
  }

  const { store } = deps;
  const crashingStore: Store = {
    ...store,
    now: () => runStep(false, () => store.now()),
    read: (keys) => runStep(false, () => store.read(keys)),
    scan: (...asked) => runStep(false, () => store.scan(...asked)),
    commit: (commit) => runStep((commit.put?.length ?? 0) + (commit.jobs?.length ?? 0) > 0, () => store.commit(commit)),
    lease: (...asked) => runStep(true, () => store.lease(...asked)),
    release: (...asked) => runStep(true, () => store.release(...asked)),
    spend: (...asked) => runStep(false, () => store.spend(...asked)),
  };
  const wrapPlane = (plane: PlaneClient): PlaneClient => ({
    ...plane,
    call: (endpoint, options) => runStep(endpoint.method !== "GET", () => plane.call(endpoint, options)),
  });
  return {
    deps: {
      ...deps,
      store: crashingStore,
      plane: wrapPlane(deps.plane),
      getAgentPlane: (agent: string) => {
        const found = deps.getAgentPlane(agent);
        return { ...found, plane: wrapPlane(found.plane) };
      },
      // The jobs are worked by the process that comes after it.
      kick: () => {},
    } satisfies WorkDeps,
    /** What came of the work: its answer, or that the process ended before. */
    async orCrash<T>(work: Promise<T>): Promise<T | "over"> {
      return Promise.race([work, crashed]);
    },
  };
}

import type { Store } from "../../../shared/store/port.ts";
import type { WorkDeps } from "../../../shared/work/acting.ts";

/**
 * The deps of a process that ends at its `nth` step (1 is the first), before or after that step took effect. A step is
 * a request to Plane, a commit, or a lease's end: whoever waits for it then waits for ever. `steps` counts them.
 */
export function mortalDeps(deps: WorkDeps, nth: number, when: "before" | "after") {
  const death = Promise.withResolvers<never>();
  death.promise.catch(() => {});
  const life = { steps: 0, over: false };
  const never = <T>() => new Promise<T>(() => {});

  async function step<T>(act: () => Promise<T>): Promise<T> {
    if (life.over) return never();
    life.steps += 1;
    const mine = life.steps === nth;
    if (mine && when === "before") return end();
    const result = await act();
    return mine || life.over ? end() : result;
  }
  function end<T>(): Promise<T> {
    life.over = true;
    death.reject(new Error("The process ended."));
    return never();
  }

  const store: Store = {
    ...deps.store,
    commit: (commit) => step(() => deps.store.commit(commit)),
    release: (...asked) => step(() => deps.store.release(...asked)),
  };
  const dying = (plane: WorkDeps["plane"]): WorkDeps["plane"] => ({
    ...plane,
    call: (endpoint, options) => step(() => plane.call(endpoint, options)),
  });
  const planeOf: WorkDeps["planeOf"] = (agent) => {
    const { plane, own } = deps.planeOf(agent);
    return { plane: dying(plane), own };
  };
  return {
    life,
    deps: { ...deps, store, plane: dying(deps.plane), planeOf } satisfies WorkDeps,
    /** Resolves with what the call answers; rejects when the process ends first. */
    orDeath: <T>(call: Promise<T>): Promise<T> => Promise.race([call, death.promise]),
  };
}

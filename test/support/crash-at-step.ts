import type { TaskDeps } from "../../shared/app/deps.ts";
import type { Store } from "../../shared/store/port.ts";

/**
 * Wraps deps so that the process seems to end at its `nth` step (1 is the first), before or after that step took effect.
 * A step is a request to Plane, a commit or the release of a lease. From then on promises never settle. `steps` counts.
 */
export function crashAtStep(deps: TaskDeps, nth: number, when: "before" | "after") {
  const crash = Promise.withResolvers<never>();
  crash.promise.catch(() => {});
  const state = { steps: 0, over: false };
  const never = <T>() => new Promise<T>(() => {});

  async function step<T>(act: () => Promise<T>): Promise<T> {
    if (state.over) return never();
    state.steps += 1;
    const isCrashPoint = state.steps === nth;
    if (isCrashPoint && when === "before") return crashNow();
    // The process also ends after a step that was refused.
    const outcome = act();
    await outcome.catch(() => {});
    return isCrashPoint || state.over ? crashNow() : outcome;
  }
  function crashNow<T>(): Promise<T> {
    state.over = true;
    crash.reject(new Error("The process ended."));
    return never();
  }

  const store: Store = {
    ...deps.store,
    commit: (commit) => step(() => deps.store.commit(commit)),
    release: (...args) => step(() => deps.store.release(...args)),
  };
  const wrapPlane = (plane: TaskDeps["plane"]): TaskDeps["plane"] => ({
    ...plane,
    call: (endpoint, options) => step(() => plane.call(endpoint, options)),
  });
  const getAgentPlane: TaskDeps["getAgentPlane"] = (agent) => {
    const { plane, usesOwnKey } = deps.getAgentPlane(agent);
    return { plane: wrapPlane(plane), usesOwnKey };
  };
  return {
    state,
    deps: { ...deps, store, plane: wrapPlane(deps.plane), getAgentPlane } satisfies TaskDeps,
    /** Resolves with the call's result; rejects when the process ends first. */
    orCrash: <T>(call: Promise<T>): Promise<T> => Promise.race([call, crash.promise]),
  };
}

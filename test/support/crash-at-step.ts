import type { TaskDeps } from "../../shared/app/deps.ts";
import { type CrashPoint, createCrashingProcess } from "./crashing-process.ts";

/**
 * Wraps deps so that the process seems to end at its `nth` step (1 is the first), before or after that step took effect.
 * A step is a request to Plane, a commit or the release of a lease. `steps` counts.
 */
export function crashAtStep(deps: TaskDeps, nth: number, when: CrashPoint["when"]) {
  const process = createCrashingProcess({ nth, when }, () => true);
  const store = process.wrap(deps.store, ["commit", "release"]);
  const plane = process.wrap(deps.plane, ["call"]);
  const getAgentPlane: TaskDeps["getAgentPlane"] = (agent) => {
    const found = deps.getAgentPlane(agent);
    return { ...found, plane: process.wrap(found.plane, ["call"]) };
  };
  const ended = process.crashed.then(() => Promise.reject(new Error("The process ended.")));
  ended.catch(() => {});
  return {
    state: process.state,
    deps: { ...deps, store, plane, getAgentPlane } satisfies TaskDeps,
    /** Resolves with the call's result; rejects when the process ends first. */
    orCrash: <T>(call: Promise<T>): Promise<T> => Promise.race([call, ended]),
  };
}

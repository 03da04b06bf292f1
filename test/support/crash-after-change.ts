import type { TaskDeps } from "../../shared/app/deps.ts";
import { type CrashPoint, createCrashingProcess } from "./crashing-process.ts";

/** Wraps the requests to Plane of deps, with whichever key. */
function wrapPlane<D extends TaskDeps>(deps: D, { wrap }: ReturnType<typeof createCrashingProcess>) {
  const getAgentPlane: TaskDeps["getAgentPlane"] = (agent) => {
    const found = deps.getAgentPlane(agent);
    return { ...found, plane: wrap(found.plane, ["call"]) };
  };
  return { ...deps, plane: wrap(deps.plane, ["call"]), getAgentPlane };
}

/** Whether a call changes the store, Plane or its storage. */
function isChange(name: string, [first]: readonly unknown[]): boolean {
  if (name === "call") return Reflect.get(Object(first), "method") !== "GET";
  if (name !== "commit") return ["lease", "release", "fetch"].includes(name);
  const { put = [], jobs = [] } = first as { put?: unknown[]; jobs?: unknown[] };
  return put.length + jobs.length > 0;
}

/**
 * Wraps deps so that the process seems to end after its `nth` change (1 is the first), or when `end` is called. The last
 * change takes effect.
 */
export function crashAfterChange<D extends TaskDeps>(deps: D, nth = Number.POSITIVE_INFINITY) {
  const process = createCrashingProcess({ nth, when: "after" }, isChange);
  const { wrap, wrapFetch, end, crashed } = process;
  const wrapped = { ...wrapPlane(deps, process), store: wrap(deps.store), fetch: wrapFetch(deps.fetch) };
  return {
    // The next process works the jobs.
    deps: { ...wrapped, notify: () => {} } satisfies TaskDeps,
    end,
    /** Resolves with the work's result, or with "over" when the process ends first. */
    orCrash: <T>(work: Promise<T>): Promise<T | "over"> => Promise.race([work, crashed]),
  };
}

/**
 * Wraps deps so that the process seems to end at its `nth` step (1 is the first), before or after that step took effect.
 * A step is a request to Plane, a commit or the release of a lease. `steps` counts.
 */
export function crashAtStep(deps: TaskDeps, nth: number, when: CrashPoint["when"]) {
  const process = createCrashingProcess({ nth, when }, () => true);
  const ended = process.crashed.then(() => Promise.reject(new Error("The process ended.")));
  ended.catch(() => {});
  return {
    state: process.state,
    deps: { ...wrapPlane(deps, process), store: process.wrap(deps.store, ["commit", "release"]) } satisfies TaskDeps,
    /** Resolves with the call's result; rejects when the process ends first. */
    orCrash: <T>(call: Promise<T>): Promise<T> => Promise.race([call, ended]),
  };
}

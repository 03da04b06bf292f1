import type { TaskDeps } from "../../shared/app/deps.ts";
import { createCrashingProcess } from "./crashing-process.ts";

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
  const { wrap, wrapFetch, end, crashed } = createCrashingProcess({ nth, when: "after" }, isChange);
  return {
    deps: {
      ...deps,
      store: wrap(deps.store),
      fetch: wrapFetch(deps.fetch),
      plane: wrap(deps.plane, ["call"]),
      getAgentPlane(agent: string) {
        const found = deps.getAgentPlane(agent);
        return { ...found, plane: wrap(found.plane, ["call"]) };
      },
      // The next process works the jobs.
      notify: () => {},
    } satisfies TaskDeps,
    end,
    /** Resolves with the work's result, or with "over" when the process ends first. */
    orCrash: <T>(work: Promise<T>): Promise<T | "over"> => Promise.race([work, crashed]),
  };
}

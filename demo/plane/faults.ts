import type { Fault, FaultControl, RequestMatch } from "./control.ts";
import type { Id, Ref } from "./types.ts";

const idOf = (ref: Ref): Id => (typeof ref === "string" ? ref : ref.id);

interface Standing {
  match: RequestMatch;
  fault: Fault;
  left: number;
}
interface Arriving {
  method: string;
  path: string;
  owner: Id | null;
}

/** The faults that stand, and the hooks a test has put in. */
export interface Faults extends FaultControl {
  /** The first that matches; it is used up by one. */
  take(request: Arriving): Fault | undefined;
  before: ((request: { method: string; path: string }) => void | Promise<void>) | undefined;
}

function matches({ method, path, owner }: RequestMatch, request: Arriving): boolean {
  if (method !== undefined && method.toUpperCase() !== request.method) return false;
  if (owner !== undefined && idOf(owner) !== request.owner) return false;
  if (path === undefined) return true;
  return typeof path === "string" ? request.path.includes(path) : path.test(request.path);
}

/** `onEdit` takes the hook that edits wait for. */
export function createFaults(onEdit: (hook: ((item: Id) => void | Promise<void>) | undefined) => void): Faults {
  let standing: Standing[] = [];
  const faults: Faults = {
    before: undefined,
    take(request) {
      const found = standing.find((each) => each.left > 0 && matches(each.match, request));
      if (found) found.left -= 1;
      return found?.fault;
    },
    add(match, fault, times = Number.POSITIVE_INFINITY) {
      const entry = { match, fault, left: times };
      standing.push(entry);
      return () => {
        standing = standing.filter((each) => each !== entry);
      };
    },
    clear() {
      standing = [];
    },
    duringEdit: onEdit,
    beforeRequest(hook) {
      faults.before = hook;
    },
  };
  return faults;
}

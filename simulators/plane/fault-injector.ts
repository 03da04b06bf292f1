import type { FaultControl, PlaneFault, RequestMatch } from "./test-controls.ts";
import { toId } from "./to-id.ts";
import type { Id } from "./types.ts";

interface ActiveFault {
  match: RequestMatch;
  fault: PlaneFault;
  remaining: number;
}
interface IncomingRequest {
  method: string;
  path: string;
  owner: Id | null;
}

/** The active faults and the hooks of a test. */
export interface FaultInjector extends FaultControl {
  /** Returns the first active fault that matches and counts it as used once. */
  takeFault(request: IncomingRequest): PlaneFault | undefined;
  requestHook: ((request: { method: string; path: string }) => void | Promise<void>) | undefined;
}

function matchesRequest({ method, path, owner }: RequestMatch, request: IncomingRequest): boolean {
  if (method !== undefined && method.toUpperCase() !== request.method) return false;
  if (owner !== undefined && toId(owner) !== request.owner) return false;
  if (path === undefined) return true;
  return typeof path === "string" ? request.path.includes(path) : path.test(request.path);
}

/** `onEdit` receives the hook that edits await. */
export function createFaultInjector(
  onEdit: (hook: ((item: Id) => void | Promise<void>) | undefined) => void,
): FaultInjector {
  let activeFaults: ActiveFault[] = [];
  const injector: FaultInjector = {
    requestHook: undefined,
    takeFault(request) {
      const found = activeFaults.find((each) => each.remaining > 0 && matchesRequest(each.match, request));
      if (found) found.remaining -= 1;
      return found?.fault;
    },
    add(match, fault, times = Number.POSITIVE_INFINITY) {
      const entry = { match, fault, remaining: times };
      activeFaults.push(entry);
      return () => {
        activeFaults = activeFaults.filter((each) => each !== entry);
      };
    },
    clear() {
      activeFaults = [];
    },
    duringEdit: onEdit,
    beforeRequest(hook) {
      injector.requestHook = hook;
    },
  };
  return injector;
}

import type { Deps } from "../deps.ts";
import type { ObserveDeps } from "../observe/item.ts";
import type { CallOptions, Endpoint, PlaneClient } from "../plane/client.ts";
import { PlaneRateLimitedError } from "../plane/errors.ts";
import type { Ms } from "../store/port.ts";
import type { Caller } from "./caller.ts";

/** What the work touches. */
export type WorkDeps = ObserveDeps & Pick<Deps, "planeOf" | "kick" | "fetch" | "hashing">;

/** One call of one caller: everything done in it goes through these hands. */
export interface Acting {
  deps: WorkDeps;
  caller: Caller;
  /** Plane with the caller's own key, at the caller's pace. */
  plane: PlaneClient;
  /** Plane with Groundcrew's own key, for what only that may do; it waits within the same patience. */
  main: PlaneClient;
  /** Whether that key is the caller's own: else what is written says for whom. */
  own: boolean;
  correlation: string;
  /** Waits for the caller's next turn at Plane, as its client does; for requests that do not go through it. */
  turn: (operation: string) => Promise<void>;
}

/** A call that would have to wait longer for its turns, all together, is answered with when to come back. */
const PATIENCE_MS: Ms = 10_000;

/** An agent's requests to Plane are so far apart (OPENCLAW-20: 1/s); the rest is for what the network makes uneven. */
const PACE_MS: Ms = 1_020;

/** Begins one call. Its requests wait at most 10 s for their turns, together; then they throw PlaneRateLimitedError. */
export function actFor(deps: WorkDeps, caller: Caller, correlation: string = deps.newId()): Acting {
  const paced = caller.role !== "human";
  const { plane, own } = paced ? deps.planeOf(caller.name) : { plane: deps.plane, own: true };
  const patience = { left: PATIENCE_MS };

  async function turn(operation: string): Promise<void> {
    for (;;) {
      const more = await deps.store.spend(`agent:${encodeURIComponent(caller.name)}`, 1, 1, PACE_MS);
      if (more === 0) return;
      if (more > patience.left) throw tooSoon(operation, caller, more);
      patience.left -= more;
      await deps.wait(more);
    }
  }

  function options(endpoint: Endpoint<unknown>, given: CallOptions | undefined): CallOptions {
    const before = async () => {
      if (paced) await turn(endpoint.operation);
      await given?.before?.();
    };
    return { ...given, priority: "interactive", patience, before };
  }

  const hurried = (given: CallOptions | undefined): CallOptions => ({ ...given, priority: "interactive", patience });

  return {
    deps,
    caller,
    main: {
      call: (endpoint, given) => deps.plane.call(endpoint, hurried(given)),
      pages: (endpoint, given) => deps.plane.pages(endpoint, hurried(given)),
      capabilities: () => deps.plane.capabilities(),
    },
    own,
    correlation,
    turn: async (operation) => (paced ? turn(operation) : undefined),
    plane: {
      call: (endpoint, given) => plane.call(endpoint, options(endpoint, given)),
      pages: (endpoint, given) => plane.pages(endpoint, options(endpoint, given)),
      capabilities: () => plane.capabilities(),
    },
  };
}

function tooSoon(operation: string, caller: Caller, retryAfter: Ms): PlaneRateLimitedError {
  const seconds = Math.ceil(retryAfter / 1000);
  return new PlaneRateLimitedError(
    { operation, retryAfter },
    `${caller.name} may ask Plane once a second, and others of its calls are waiting: call again in ${seconds} s.`,
  );
}

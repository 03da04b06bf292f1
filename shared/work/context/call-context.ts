import type { Deps } from "../../app/deps.ts";
import type { ObserveDeps } from "../../observe/observe-item.ts";
import type { Endpoint, PlaneCallOptions, PlaneClient } from "../../plane/client.ts";
import { PlaneRateLimitedError } from "../../plane/errors.ts";
import type { Ms } from "../../time.ts";
import { type Caller, isAgent } from "./caller.ts";

/** What the work touches. */
export type WorkDeps = ObserveDeps & Pick<Deps, "getAgentPlane" | "kick" | "fetch" | "hashing">;

/** One call of one caller: everything done in it goes through these hands. */
export interface CallContext {
  deps: WorkDeps;
  caller: Caller;
  /** Plane with the caller's own key, at the caller's pace. */
  plane: PlaneClient;
  /** Plane with Groundcrew's own key, for what only that may do; it waits within the same patience. */
  systemPlane: PlaneClient;
  /** Whether that key is the caller's own: else what is written says for whom. */
  usesOwnKey: boolean;
  correlation: string;
  /** Waits for the caller's next turn at Plane, as its client does; for requests that do not go through it. */
  waitForTurn: (operation: string) => Promise<void>;
}

/** A call that would have to wait longer for its turns, all together, is answered with when to come back. */
const PATIENCE_MS: Ms = 10_000;

/** An agent's requests to Plane are so far apart (OPENCLAW-20: 1/s); the rest is for what the network makes uneven. */
const PACE_MS: Ms = 1_020;

/** Begins one call. Its requests wait at most 10 s for their turns, together; then they throw PlaneRateLimitedError. */
export function createCallContext(deps: WorkDeps, caller: Caller, correlation: string = deps.newId()): CallContext {
  const isPaced = isAgent(caller);
  const { plane, usesOwnKey } = isPaced ? deps.getAgentPlane(caller.name) : { plane: deps.plane, usesOwnKey: true };
  const patience = { left: PATIENCE_MS };

  async function turn(operation: string): Promise<void> {
    for (;;) {
      const waitMs = await deps.store.spend(`agent:${encodeURIComponent(caller.name)}`, 1, 1, PACE_MS);
      if (waitMs === 0) return;
      if (waitMs > patience.left) throw createPaceError(operation, caller, waitMs);
      patience.left -= waitMs;
      await deps.wait(waitMs);
    }
  }

  function withPacing(endpoint: Endpoint<unknown>, callOptions: PlaneCallOptions | undefined): PlaneCallOptions {
    const before = async () => {
      if (isPaced) await turn(endpoint.operation);
      await callOptions?.beforeSend?.();
    };
    return { ...callOptions, priority: "interactive", waitBudget: patience, beforeSend: before };
  }

  const withPatience = (callOptions: PlaneCallOptions | undefined): PlaneCallOptions => ({
    ...callOptions,
    priority: "interactive",
    waitBudget: patience,
  });

  return {
    deps,
    caller,
    systemPlane: {
      call: (endpoint, callOptions) => deps.plane.call(endpoint, withPatience(callOptions)),
      pages: (endpoint, callOptions) => deps.plane.pages(endpoint, withPatience(callOptions)),
      capabilities: () => deps.plane.capabilities(),
    },
    usesOwnKey,
    correlation,
    waitForTurn: async (operation) => (isPaced ? turn(operation) : undefined),
    plane: {
      call: (endpoint, callOptions) => plane.call(endpoint, withPacing(endpoint, callOptions)),
      pages: (endpoint, callOptions) => plane.pages(endpoint, withPacing(endpoint, callOptions)),
      capabilities: () => plane.capabilities(),
    },
  };
}

function createPaceError(operation: string, caller: Caller, retryAfter: Ms): PlaneRateLimitedError {
  const seconds = Math.ceil(retryAfter / 1000);
  return new PlaneRateLimitedError(
    { operation, retryAfter },
    `${caller.name} may ask Plane once a second, and others of its calls are waiting: call again in ${seconds} s.`,
  );
}

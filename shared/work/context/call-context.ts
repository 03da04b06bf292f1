import type { Deps } from "../../app/deps.ts";
import type { ObserveDeps } from "../../observe/observe-item.ts";
import { AGENT_PACE_MS, toAgentReadsBucket, toAgentTurn } from "../../plane/agent-pace.ts";
import type { Endpoint, PlaneCallOptions, PlaneClient } from "../../plane/client.ts";
import { PlaneRateLimitedError } from "../../plane/errors.ts";
import type { Ms } from "../../time.ts";
import { type Caller, isAgent } from "./caller.ts";

/** Dependencies of the task operations. */
export type WorkDeps = ObserveDeps & Pick<Deps, "kick" | "fetch" | "hashing">;

/** The context of one call: its caller, and Plane clients that pace and limit the requests of this call. */
export interface CallContext {
  deps: WorkDeps;
  caller: Caller;
  /** Plane with the caller's key, at most one request per second for an agent. */
  plane: PlaneClient;
  /**
   * Plane with Groundcrew's own key, for requests that only that key may make; its waits count toward the same budget.
   * For requests that either key may make, `chooseClient` returns one of the two.
   */
  systemPlane: PlaneClient;
  /** Whether `plane` uses the caller's own key. Otherwise comments must name their author. */
  usesOwnKey: boolean;
  correlation: string;
  /** Waits until the caller may make its next request, for requests that do not go through `plane`. */
  waitForTurn: (operation: string) => Promise<void>;
}

/** Limit of a call's total wait for its turns at Plane: 10 s, so that agents get `retry_after` instead of a timeout. */
const WAIT_BUDGET_MS: Ms = 10_000;

/** Creates the context of one call. Its requests wait at most 10 s in total; then they throw PlaneRateLimitedError. */
export function createCallContext(deps: WorkDeps, caller: Caller, correlation: string = deps.newId()): CallContext {
  const isPaced = isAgent(caller);
  const { plane, usesOwnKey } = isPaced ? deps.getAgentPlane(caller.name) : { plane: deps.plane, usesOwnKey: true };
  const waitBudget = { left: WAIT_BUDGET_MS };

  async function waitForTurn(operation: string): Promise<void> {
    for (;;) {
      const waitMs = await deps.store.spendAll([toAgentTurn(caller.name)]);
      if (waitMs === 0) return;
      if (waitMs > waitBudget.left) throw createPaceError(operation, caller, waitMs);
      waitBudget.left -= waitMs;
      // What becomes free meanwhile is for this call, not for reads of relations with the agent's key.
      await deps.store.hold(toAgentReadsBucket(caller.name), waitMs + AGENT_PACE_MS);
      await deps.wait(waitMs);
    }
  }

  function withPacing(endpoint: Endpoint<unknown>, callOptions: PlaneCallOptions | undefined): PlaneCallOptions {
    const beforeSend = async () => {
      if (isPaced) await waitForTurn(endpoint.operation);
      await callOptions?.beforeSend?.();
    };
    return { ...callOptions, priority: "interactive", waitBudget, beforeSend };
  }

  const withWaitBudget = (callOptions: PlaneCallOptions | undefined): PlaneCallOptions => ({
    ...callOptions,
    priority: "interactive",
    waitBudget,
  });

  return {
    deps,
    caller,
    systemPlane: {
      call: (endpoint, callOptions) => deps.plane.call(endpoint, withWaitBudget(callOptions)),
      pages: (endpoint, callOptions) => deps.plane.pages(endpoint, withWaitBudget(callOptions)),
      capabilities: () => deps.plane.capabilities(),
    },
    usesOwnKey,
    correlation,
    waitForTurn: async (operation) => (isPaced ? waitForTurn(operation) : undefined),
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
    `${caller.name} may make one request to Plane per second, and its other calls are waiting. Call again in ${seconds} s.`,
  );
}

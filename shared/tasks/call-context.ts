/**
 * One call of one caller: who calls, the Plane clients that pace its requests, the choice of the key that makes a
 * request, and the lock for what must not run twice.
 */

import type { TaskDeps } from "../app/deps.ts";
import { type Endpoint, type PlaneClient, withCallOptions } from "../plane/endpoint.ts";
import { PlaneRateLimitedError } from "../plane/errors.ts";
import { AGENT_PACE_MS, toAgentReadsBucket, toOwnTurn } from "../plane/quota.ts";
import { workKeys } from "../records/store-keys.ts";
import { readWithAgentKeys } from "../sync/spare-reads.ts";
import { MINUTE, type Ms } from "../time.ts";

/**
 * Who makes a call: an agent by its name in the settings, a human, Groundcrew itself, or the session of a ticket. The
 * Concierge plans and assigns work; a human may do everything and needs no claim.
 */
export interface Caller {
  name: string;
  role: "concierge" | "worker" | "human" | "system" | "session";
  /** The ticket of a session, and Plane's id of its work item. */
  ticket?: { key: string; item: string };
}

/** The context of one call: its caller, and Plane clients that pace and limit the requests of this call. */
export interface CallContext {
  deps: TaskDeps;
  caller: Caller;
  /** Plane with the caller's key, at most one request per second for an agent. */
  plane: PlaneClient;
  /**
   * Plane with Groundcrew's own key, for requests that only that key may make; its waits count toward the same budget.
   * For requests that either key may make, `chooseClient` returns one of the two.
   */
  systemPlane: PlaneClient;
  /**
   * Plane with the key that has quota, for requests that any key may make: Groundcrew's, for a read that of an agent
   * whose turn is free, else the caller's at its pace.
   */
  eitherPlane: PlaneClient;
  /** Whether `plane` uses the caller's own key. Otherwise comments must name their author. */
  usesOwnKey: boolean;
  correlation: string;
  /** Waits until the caller may make its next request, for requests that do not go through `plane`. */
  waitForTurn: (operation: string) => Promise<void>;
}

/** Groundcrew itself, when it corrects a task. The lease it holds meanwhile is stored under this name. */
export const SYSTEM_CALLER: Caller = { name: "Groundcrew", role: "system" };

/** Limit of a call's total wait for its turns at Plane: 10 s, so that agents get `retry_after` instead of a timeout. */
const WAIT_BUDGET_MS: Ms = 10_000;

/** Limit of one agent's requests outside of its pace: 30 a minute, half of Plane's default quota for one API key. */
const MAX_UNPACED_REQUESTS = 30;

/**
 * Timeout for a lock: 1 min, longer than one step (a request's 30 s plus waiting); an interrupted holder blocks so
 * long.
 */
const LOCK_MS: Ms = MINUTE;

/** Interval between attempts to take a lock; 20 attempts wait 10 s, as long as other waits of a call. */
const POLL_MS: Ms = 500;
const MAX_POLLS = 20;

/** Creates the context of one call. Its requests wait at most 10 s in total; then they throw PlaneRateLimitedError. */
export function createCallContext(deps: TaskDeps, caller: Caller, correlation: string = deps.newId()): CallContext {
  const isPaced = isAgent(caller);
  const { plane, usesOwnKey } = isPaced ? deps.getAgentPlane(caller.name) : { plane: deps.plane, usesOwnKey: true };
  const waitBudget = { left: WAIT_BUDGET_MS };

  async function waitForTurn(operation: string): Promise<void> {
    for (;;) {
      const waitMs = await deps.store.consumeAll(toOwnTurn(caller.name));
      if (waitMs === 0) return;
      const reason = `${caller.name} may make one request to Plane per second, and its other calls are waiting`;
      if (waitMs > waitBudget.left) throw createBusyError(operation, waitMs, reason);
      waitBudget.left -= waitMs;
      // What becomes free meanwhile is for this call, not for reads of relations with the agent's key.
      await deps.store.pause(toAgentReadsBucket(caller.name), waitMs + AGENT_PACE_MS);
      await deps.wait(waitMs);
    }
  }

  /**
   * The client with this call's priority and wait budget, or another limit of each request's wait; `beforeSend` runs
   * before each request.
   */
  function wrapClient(client: PlaneClient, beforeSend?: (operation: string) => Promise<void>, maxWait?: Ms) {
    return withCallOptions(client, (callOptions, operation) => ({
      ...callOptions,
      priority: isHuman(caller) ? "people" : "interactive",
      waitBudget: maxWait === undefined ? waitBudget : { left: maxWait },
      async beforeSend() {
        await beforeSend?.(operation);
        await callOptions.beforeSend?.();
      },
    }));
  }

  const waitIfPaced = async (operation: string) => (isPaced ? waitForTurn(operation) : undefined);
  const ownPlane = wrapClient(plane, waitIfPaced);
  // The caller's own key comes last, because its turn is for what only that key may write.
  const owners = [...deps.settings.agents.map(({ name }) => name).filter((name) => name !== caller.name), caller.name];

  /**
   * Makes a request with the first key that has quota: Groundcrew's, and for a read that of any agent whose turn is
   * free. Waits for one as long as for a turn of the caller, which it takes in the end.
   */
  async function callWithAnyKey<T>(
    { method, operation }: Endpoint<unknown>,
    project: string | undefined,
    request: (client: PlaneClient) => Promise<T>,
  ): Promise<T> {
    const target = method === "GET" && project !== undefined ? { project, owners } : undefined;
    for (let left = AGENT_PACE_MS; ; ) {
      let delay: Ms;
      try {
        return await request(wrapClient(deps.plane, undefined, target ? 0 : AGENT_PACE_MS));
      } catch (thrown) {
        if (!(thrown instanceof PlaneRateLimitedError)) throw thrown;
        delay = thrown.retryAfter;
      }
      if (!target) return request(ownPlane);
      const outcome = await readWithAgentKeys(deps, target, operation, (client) =>
        request(wrapClient(client, undefined, AGENT_PACE_MS)),
      );
      if ("answer" in outcome) return outcome.answer;
      delay = Math.max(1, Math.min(delay, outcome.limit?.retryAfter ?? delay));
      if (delay > left) return request(ownPlane);
      left -= delay;
      await deps.wait(delay);
    }
  }
  const anyKeyPlane: PlaneClient = {
    call: (endpoint, options) =>
      callWithAnyKey(endpoint, options?.params?.["project"], (client) => client.call(endpoint, options)),
    async *pages(endpoint, options) {
      yield* await callWithAnyKey(endpoint, options?.params?.["project"], async (client) => {
        const pages = [];
        for await (const page of client.pages(endpoint, options)) pages.push(page);
        return pages;
      });
    },
    capabilities: () => deps.plane.capabilities(),
  };
  const systemPlane = wrapClient(deps.plane);
  return {
    deps,
    caller,
    plane: ownPlane,
    systemPlane,
    eitherPlane: isPaced && usesOwnKey ? anyKeyPlane : systemPlane,
    usesOwnKey,
    correlation,
    waitForTurn: waitIfPaced,
  };
}

/**
 * Returns the client for requests that either key may make: reads, and writes of which Plane shows no author. With
 * Groundcrew's own key they need not wait for the agent's turn. An agent that has used up its limit uses its own key,
 * at its pace of one request per second (OPENCLAW-20), so that it does not use up Groundcrew's quota. `requests` is the
 * number of requests that follow.
 */
export async function chooseClient({ deps, caller, plane, eitherPlane }: CallContext, requests = 1) {
  if (!isAgent(caller)) return plane;
  const bucket = `unpaced:${encodeURIComponent(caller.name)}`;
  const wait = await deps.store.consume(bucket, requests, MAX_UNPACED_REQUESTS, MINUTE);
  return wait === 0 ? eitherPlane : plane;
}

/**
 * Runs an action that must not run twice concurrently, because Plane's check of external ids is not atomic. Waits up to
 * 10 s for the current holder, then throws PlaneRateLimitedError with when to retry. A longer action calls `renew`
 * between its steps.
 * @param subject what must not be processed twice concurrently, such as a project's name
 */
export async function withLock<T>(
  context: CallContext,
  operation: "project" | "task" | "plan" | "ticket" | "schedule",
  subject: string,
  action: (renew: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { deps } = context;
  const key = workKeys.lock(`${operation}:${subject}`);
  const owner = deps.newId();
  const renew = async () => {
    for (let polls = 0; ; polls += 1) {
      const lease = await deps.store.lease(key, owner, LOCK_MS);
      if ("fence" in lease) {
        fence = lease.fence;
        return;
      }
      const reason = "Another call is doing the same, or was interrupted a moment ago. Nothing is created twice";
      const remaining = lease.until - (await deps.store.now());
      if (polls >= MAX_POLLS) throw createBusyError(operation, Math.max(1_000, remaining), reason);
      await deps.wait(POLL_MS);
    }
  };
  let fence = 0;
  await renew();
  try {
    return await action(renew);
  } finally {
    await deps.store.release(key, fence);
  }
}

function createBusyError(operation: string, retryAfter: Ms, reason: string): PlaneRateLimitedError {
  const seconds = Math.ceil(retryAfter / 1000);
  return new PlaneRateLimitedError({ operation, retryAfter }, `${reason}. Call again in ${seconds} s.`);
}

/**
 * Whether the caller is an agent: agents need a claim, are limited to one request per second and to their own tasks.
 * The session of a ticket is one that has no tasks of its own.
 */
export function isAgent({ role }: Caller): boolean {
  return role === "concierge" || role === "worker" || role === "session";
}

/** Whether the caller is a human: only humans review, and a change by the system is never a verdict. */
export function isHuman({ role }: Caller): boolean {
  return role === "human";
}

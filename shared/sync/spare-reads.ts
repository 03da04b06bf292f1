/**
 * Reads that Groundcrew makes for itself take what the quota has to spare: with its own key, and while that has none
 * left, with the key of the task's agent, at most every second request of it.
 */

import type { SyncDeps } from "../app/deps.ts";
import { omitUndefined } from "../omit-undefined.ts";
import {
  type Endpoint,
  type PlaneCallOptions,
  type PlaneClient,
  type PlaneList,
  type PlanePage,
  readList,
  shiftPlaneTime,
  toPlaneTime,
} from "../plane/endpoint.ts";
import { PlaneAuthError, PlaneNotFoundError, PlaneRateLimitedError } from "../plane/errors.ts";
import { AGENT_PACE_MS, createQuotaError, toAgentReadsBucket, toAgentTurn } from "../plane/quota.ts";
import type { Consumption } from "../store/port.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import { isAgentTask } from "../task/unread-details.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";

type TaskReadDeps = Pick<SyncDeps, "plane" | "getAgentPlane" | "store" | "settings" | "wait" | "log">;

/** The answer; or `limit`, the error of a key that has no quota, absent when it cannot read the project. */
type KeyOutcome<T> = { answer: T } | { limit?: PlaneRateLimitedError };

/** Part of an agent's requests that reads for Groundcrew may use: half. The rest is reserved for the agent's own calls. */
const AGENT_SHARE = 0.5;

/** Time after which a key that Plane has refused in a project is tried there again: 10 minutes. */
const REFUSED_MS: Ms = 10 * MINUTE;

/**
 * Limit of the time that a further call of one read may wait for quota: 60 s, about the window of the quota. Without
 * it, a refusal would repeat the calls before.
 */
export const CONTINUED_READ_WAIT_MS: Ms = MINUTE;

/** Difference between the clocks of Plane's processes, and the part of a second that a `Date` header omits: 5 s. */
const PLANE_CLOCK_MARGIN_MS: Ms = 5 * SECOND;

/**
 * Reads something about an item by spare calls: with Groundcrew's key, and while its quota is used up, with the key of
 * an agent whose open task the item is. `read` may be called once for each key. The agent's own calls come first: reads
 * take at most every second of its turns and half of its quota, and none while a call waits for its turn.
 * Throws a PlaneRateLimitedError with the shortest wait when no key has quota.
 */
export async function readForTask<T>(
  deps: TaskReadDeps,
  item: ItemRecord,
  read: (plane: PlaneClient) => Promise<T>,
): Promise<T> {
  try {
    return await read(deps.plane);
  } catch (thrown) {
    if (!(thrown instanceof PlaneRateLimitedError) || !isAgentTask(item)) throw thrown;
    let limit = thrown;
    for (const agent of item.owners ?? []) {
      const outcome = await readWithAgentKey(deps, agent, item.snapshot.project, thrown.operation, read);
      if ("answer" in outcome) return outcome.answer;
      if (outcome.limit && outcome.limit.retryAfter < limit.retryAfter) limit = outcome.limit;
    }
    throw limit;
  }
}

async function readWithAgentKey<T>(
  deps: TaskReadDeps,
  agent: string,
  project: string,
  operation: string,
  read: (plane: PlaneClient) => Promise<T>,
): Promise<KeyOutcome<T>> {
  const { plane, usesOwnKey } = deps.getAgentPlane(agent);
  if (!usesOwnKey) return {};
  const refusals = `${toAgentReadsBucket(agent)}:${project}`;
  const turn = toReadTurn(deps, agent);
  const delay = await deps.store.consumeAll([...turn, { bucket: refusals, n: 0, limit: 0, window: 1 }]);
  const problem = `Neither Groundcrew's API key nor that of ${agent} has quota`;
  if (delay > 0) return { limit: createQuotaError(operation, delay, problem) };
  try {
    return { answer: await read(withTurns(deps, plane, turn)) };
  } catch (thrown) {
    if (thrown instanceof PlaneRateLimitedError) return { limit: thrown };
    const isRefused = thrown instanceof PlaneAuthError || (thrown instanceof PlaneNotFoundError && !thrown.noRoute);
    if (!isRefused) throw thrown;
    deps.log.warn("Plane refused an agent's key; Groundcrew's own key reads instead", {
      agent,
      project,
      operation,
      ...omitUndefined({ status: thrown.status }),
    });
    await deps.store.pause(refusals, REFUSED_MS);
    return {};
  }
}

/** A turn of the agent, of which reads take every second one, or fewer when half of the quota is less. */
function toReadTurn({ settings }: TaskReadDeps, agent: string): Consumption[] {
  const quotaPace = Math.ceil(MINUTE / ((settings.plane?.rateLimit ?? 1) * AGENT_SHARE));
  const window = Math.max(AGENT_PACE_MS / AGENT_SHARE, quotaPace);
  return [toAgentTurn(agent), { bucket: toAgentReadsBucket(agent), n: 1, limit: 1, window }];
}

/** The client, whose first request has its turn and whose others (further pages, retries) wait for theirs. */
function withTurns({ store, wait }: TaskReadDeps, plane: PlaneClient, turn: Consumption[]): PlaneClient {
  let hasTurn = true;
  async function waitForTurn() {
    while (!hasTurn) {
      const delay = await store.consumeAll(turn);
      if (delay === 0) return;
      await wait(delay);
    }
    hasTurn = false;
  }
  const withTurn = (options: PlaneCallOptions = {}): PlaneCallOptions => ({
    ...options,
    async beforeSend() {
      await waitForTurn();
      await options.beforeSend?.();
    },
  });
  return {
    call: (endpoint, options) => plane.call(endpoint, withTurn(options)),
    pages: (endpoint, options) => plane.pages(endpoint, withTurn(options)),
    capabilities: () => plane.capabilities(),
  };
}

/**
 * Reads a list by spare calls. Only the first page is refused when there is no quota: the others wait for it, so that
 * no page is read twice.
 */
export async function readSpareList<Row>(
  plane: Pick<PlaneClient, "pages">,
  endpoint: Endpoint<PlanePage<Row>>,
  params: { project: string; item: string },
  waitBudget = { left: 0 },
): Promise<PlaneList<Row>> {
  const raiseBudget = () => {
    waitBudget.left = CONTINUED_READ_WAIT_MS;
  };
  return readList(plane, endpoint, { params, priority: "spare", waitBudget }, raiseBudget);
}

/**
 * Returns Plane's time before which a call saw every change. `date` is the answer's time and `duration` that of the
 * call. Plane moves an item's `updated_at` after it has stored a comment or relation, so an `updated_at` before this
 * time belongs to a change that the call has seen.
 */
export function toReadTime(date: string, duration: Ms): string {
  return shiftPlaneTime(toPlaneTime(date), -duration - PLANE_CLOCK_MARGIN_MS);
}

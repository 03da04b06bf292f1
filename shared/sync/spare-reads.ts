/**
 * Reads that Groundcrew makes for itself take what the quotas have to spare: with its own key and with those of the
 * agents, whose own requests come first.
 */

import type { SyncDeps } from "../app/deps.ts";
import { omitUndefined } from "../omit-undefined.ts";
import {
  type Endpoint,
  type PlaneClient,
  type PlaneList,
  type PlanePage,
  readList,
  shiftPlaneTime,
  toPlaneTime,
  withCallOptions,
} from "../plane/endpoint.ts";
import { PlaneAuthError, PlaneNotFoundError, PlaneRateLimitedError } from "../plane/errors.ts";
import { AGENT_PACE_MS, createQuotaError, toAgentReadsBucket, toAgentTurn, toIdleCondition } from "../plane/quota.ts";
import { activitiesApi, type PlaneActivity } from "../plane/work-items.ts";
import type { Consumption } from "../store/port.ts";
import type { ItemRecord, Snapshot } from "../task/snapshot.ts";
import { isAgentTask } from "../task/unread-details.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";

/** What is read: something in a project; the keys of `owners` come first. */
interface ReadTarget {
  project: string;
  owners?: readonly string[];
}

type TaskReadDeps = Pick<SyncDeps, "plane" | "getAgentPlane" | "store" | "settings" | "wait" | "log">;

/**
 * Minimum age of an item's last change when its activities are read: 2 s. Plane's worker first changes `updated_at` and
 * then writes the activity, so an earlier read may not contain it.
 */
export const ACTIVITY_DELAY_MS: Ms = 2 * SECOND;

/** The answer; or `limit`, the error of a key that has no quota, absent when it cannot read the project. */
type KeyOutcome<T> = { answer: T } | { limit?: PlaneRateLimitedError };

/**
 * Part of an agent's requests that reads for Groundcrew may use: half. The rest is reserved for the agent's own
 * requests; an agent that sent none for two minutes gives nearly all of its quota.
 */
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
 * Reads something about an item by spare calls: with Groundcrew's key, and for an open task of an agent, while that
 * quota is used up, with the key of any agent, its own first. `read` may be called once for each key.
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
    const outcome = await readWithAgentKeys(deps, toReadTarget(item), thrown.operation, read);
    if ("answer" in outcome) return outcome.answer;
    throw outcome.limit && outcome.limit.retryAfter < thrown.retryAfter ? outcome.limit : thrown;
  }
}

/**
 * Reads something in a project by the agents' idle quota: what their own requests leave. Groundcrew's key, which people
 * need, is used only where no agent has a key that reads the project.
 * Throws a PlaneRateLimitedError with the shortest wait when no key has quota.
 */
export async function readWithIdleKeys<T>(
  deps: TaskReadDeps,
  target: ReadTarget,
  operation: string,
  read: (plane: PlaneClient) => Promise<T>,
): Promise<T> {
  const outcome = await readWithAgentKeys(deps, target, operation, read);
  if ("answer" in outcome) return outcome.answer;
  if (outcome.limit) throw outcome.limit;
  return read(deps.plane);
}

export function toReadTarget({ owners = [], snapshot: { project } }: ItemRecord): ReadTarget {
  return { project, owners };
}

/** Reads with the first agent's key that has quota, those of the owners before the others; none waits for its turn. */
export async function readWithAgentKeys<T>(
  deps: TaskReadDeps,
  { project, owners = [] }: ReadTarget,
  operation: string,
  read: (plane: PlaneClient) => Promise<T>,
): Promise<KeyOutcome<T>> {
  let limit: PlaneRateLimitedError | undefined;
  for (const agent of new Set([...owners, ...deps.settings.agents.map(({ name }) => name)])) {
    const outcome = await readWithAgentKey(deps, agent, project, operation, read);
    if ("answer" in outcome) return outcome;
    if (outcome.limit && outcome.limit.retryAfter < (limit?.retryAfter ?? Number.POSITIVE_INFINITY)) {
      limit = outcome.limit;
    }
  }
  return omitUndefined({ limit });
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
  if ((await deps.store.consume(refusals, 0, 0, 1)) > 0) return {};
  const delay = await takeReadTurn(deps, agent);
  const problem = `Neither Groundcrew's API key nor that of ${agent} has quota`;
  if (delay > 0) return { limit: createQuotaError(operation, delay, problem) };
  try {
    return { answer: await read(withTurns(deps, plane, agent)) };
  } catch (thrown) {
    if (thrown instanceof PlaneRateLimitedError) return { limit: thrown };
    const isRefused = thrown instanceof PlaneAuthError || (thrown instanceof PlaneNotFoundError && !thrown.noRoute);
    if (!isRefused) throw thrown;
    const details = { agent, project, operation, ...omitUndefined({ status: thrown.status }) };
    deps.log.info("Plane refused an agent's key; another key reads instead", details);
    await deps.store.pause(refusals, REFUSED_MS);
    return {};
  }
}

/**
 * Takes a turn of the agent for a read: 0, or the time until there may be one. Reads take every turn of an agent that
 * is idle, else every second one, or fewer when half of the quota is less; none while a call waits for its turn.
 */
async function takeReadTurn({ store, settings }: TaskReadDeps, agent: string): Promise<Ms> {
  const takeTurn = (window: Ms, ...conditions: Consumption[]) => {
    const reads = { bucket: toAgentReadsBucket(agent), n: 1, limit: 1, window };
    return store.consumeAll([toAgentTurn(agent), reads, ...conditions]);
  };
  const idleDelay = await takeTurn(AGENT_PACE_MS, toIdleCondition(agent));
  if (idleDelay === 0) return 0;
  const quotaPace = Math.ceil(MINUTE / ((settings.plane?.rateLimit ?? 1) * AGENT_SHARE));
  return Math.min(idleDelay, await takeTurn(Math.max(AGENT_PACE_MS / AGENT_SHARE, quotaPace)));
}

/** The client, whose first request has its turn and whose others (further pages, retries) wait for theirs. */
function withTurns(deps: TaskReadDeps, plane: PlaneClient, agent: string): PlaneClient {
  let hasTurn = true;
  async function waitForTurn() {
    while (!hasTurn) {
      const delay = await takeReadTurn(deps, agent);
      if (delay === 0) return;
      await deps.wait(delay);
    }
    hasTurn = false;
  }
  return withCallOptions(plane, (options) => ({
    ...options,
    async beforeSend() {
      await waitForTurn();
      await options.beforeSend?.();
    },
  }));
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
  return readList(plane, endpoint, { params, priority: "spare", waitBudget }, () => {
    waitBudget.left = CONTINUED_READ_WAIT_MS;
  });
}

/**
 * Returns Plane's time before which a call saw every change. `date` is the answer's time and `duration` that of the
 * call. Plane moves an item's `updated_at` after it has stored a comment or relation, so an `updated_at` before this
 * time belongs to a change that the call has seen.
 */
export function toReadTime(date: string, duration: Ms): string {
  return shiftPlaneTime(toPlaneTime(date), -duration - PLANE_CLOCK_MARGIN_MS);
}

/** Reads all activities of an item, oldest first; as a spare read with a budget of time to wait for quota. */
export function readActivities(
  { plane }: Pick<SyncDeps, "plane">,
  { id, project }: Pick<Snapshot, "id" | "project">,
  waitBudget?: { left: Ms },
): Promise<PlaneList<PlaneActivity>> {
  const params = { project, item: id };
  if (waitBudget) return readSpareList(plane, activitiesApi.list, params, waitBudget);
  return readList(plane, activitiesApi.list, { params });
}

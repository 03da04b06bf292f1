/**
 * Plane allows each API key a number of requests per minute. Calls take their turn in a bucket of the store, people
 * before agents and both before background work; an agent has a pace of its own.
 */

import { sha256Hex } from "../hashing.ts";
import type { Consumption, Store } from "../store/port.ts";
import { pauseBucket, reserveTurn } from "../store/records.ts";
import { MINUTE, type Ms, SECOND } from "../time.ts";
import type { CallPriority } from "./endpoint.ts";
import { PlaneRateLimitedError } from "./errors.ts";

export interface QuotaOptions {
  store: Pick<Store, "consumeAll" | "pause" | "limitPause" | "takeProbe" | "endProbe">;
  /** Name of the key in the store; never the key itself. */
  keyName: string;
  /** Requests a minute. */
  limit: number;
  wait: (ms: Ms) => Promise<void>;
  /** Limit of the total time that one call may wait. */
  maxWait: Record<CallPriority, Ms>;
}

/** Window of the quota: 61 s. Plane's own is 60 s, but a request reaches Plane later than it is counted here. */
const WINDOW_MS = 61_000;

/**
 * Part of the limit that other calls leave to interactive ones, at least one request: a fifth while there are
 * interactive calls, else a twentieth, so that nearly all of an idle quota is used.
 */
const RESERVED_PARTS = { interactive: 0.2, idle: 0.05 } as const;

/**
 * Part of the limit that agents' calls leave to what people ask for, for two minutes after such a call: a twentieth, 3
 * of 60 requests a minute.
 */
const PEOPLE_PART = 0.05;

/** Time after an interactive call during which more of them are expected: 2 minutes, two windows. */
const INTERACTIVE_MS = 2 * MINUTE;

/**
 * Spare calls, which read many details, are spread over the window: a sixth of the limit in any 10 s. So every 10 s
 * some of the quota becomes free again, and an interactive call, which waits at most that long, gets it.
 */
const SPARE_PACE = { part: 1 / 6, window: 10 * SECOND } as const;

/** Time that spare calls leave to another call once there is quota for it: 500 ms, so that it comes first. */
const SPARE_GIVE_WAY_MS = 500;

/** Interval between an agent's requests to Plane: 1 s (OPENCLAW-20) plus 20 ms for uneven network delays. */
export const AGENT_PACE_MS: Ms = 1_020;

/** A sliding-window quota for one API key, shared by every process on the store. */
export function createQuota(options: QuotaOptions) {
  const { store, limit, wait, maxWait } = options;
  const bucket = toBucketName(options.keyName);
  const all = { bucket, n: 1, limit, window: WINDOW_MS };
  const toShare = (part: number) => ({ ...all, limit: Math.max(1, limit - Math.max(1, Math.ceil(limit * part))) });
  const [interactive, people] = [`${bucket}:interactive`, `${bucket}:people`];
  const spareBucket = `${bucket}:spare`;
  const paceLimit = Math.max(1, Math.floor(limit * SPARE_PACE.part));
  const pace = { bucket: spareBucket, n: 1, limit: paceLimit, window: SPARE_PACE.window };

  /** Spends one request: 0, or the milliseconds until the next attempt can succeed. */
  async function consume(priority: CallPriority): Promise<Ms> {
    if (priority === "people") return store.consumeAll([all, countRecent(interactive), countRecent(people)]);
    const paces = priority === "spare" ? [pace] : [];
    const [idle, busy] =
      priority === "interactive"
        ? [
            [all, countRecent(interactive), expectNoRecent(people)],
            [{ ...all, limit: limit - Math.floor(limit * PEOPLE_PART) }, countRecent(interactive)],
          ]
        : [
            [toShare(RESERVED_PARTS.idle), expectNoRecent(interactive), ...paces],
            [toShare(RESERVED_PARTS.interactive), ...paces],
          ];
    const idleDelay = await store.consumeAll(idle);
    return idleDelay === 0 ? 0 : Math.min(idleDelay, await store.consumeAll(busy));
  }

  return {
    /**
     * Returns the wait function of one call. It resolves when one more request may be sent, and throws a
     * PlaneRateLimitedError when that would take longer than the call may still wait. It resolves with true when the
     * request is the probe after a long pause: all others wait for `endProbe`.
     */
    createTurnWaiter(operation: string, priority: CallPriority, waitBudget = { left: maxWait[priority] }) {
      return async () => {
        for (;;) {
          const { wait: delay, isProbe } = await reserveTurn(store, "plane", all, () => consume(priority));
          if (delay === 0) return isProbe;
          if (delay > waitBudget.left) throw createQuotaError(operation, delay, "The quota of this API key is used up");
          waitBudget.left -= delay;
          // What becomes free meanwhile is for this call.
          if (priority !== "spare") await store.pause(spareBucket, delay + SPARE_GIVE_WAY_MS);
          await wait(delay);
        }
      };
    },
    /** After a 429: stops all requests with this key for 15 minutes at most, in every process that shares the store. */
    pause: (ms: Ms) => pauseBucket(store, "plane", bucket, ms),
    /** Reports that Plane accepted the probe: all requests may be sent again. */
    endProbe: () => store.endProbe(bucket),
  };
}

/** Counts a call among those of the last two minutes. */
const countRecent = (bucket: string) => ({ bucket, n: 1, limit: Number.MAX_SAFE_INTEGER, window: INTERACTIVE_MS });

/** Spending nothing of a limit of 0 succeeds only when no call was counted in the last two minutes. */
const expectNoRecent = (bucket: string) => ({ bucket, n: 0, limit: 0, window: INTERACTIVE_MS });

const toBucketName = (keyName: string) => `plane:${keyName}`;

/** The refusal of a request for which there is no quota. `problem` is the beginning of a sentence. */
export function createQuotaError(operation: string, retryAfter: Ms, problem: string): PlaneRateLimitedError {
  const advice = `Try again in ${Math.ceil(retryAfter / 1000)} s.`;
  return new PlaneRateLimitedError({ operation, retryAfter }, `${problem}: ${operation} was not sent. ${advice}`);
}

/** Returns the name under which the quota of an API key is stored: a hash, never the key itself. */
export async function createKeyName(apiKey: string): Promise<string> {
  return (await sha256Hex(apiKey)).slice(0, 16);
}

/** Reads how many requests of a minute are left for an API key; 0 while a rate limit stops them. */
export async function readQuotaLeft(
  store: Pick<Store, "countConsumed" | "listPauses" | "now">,
  { apiKey, limit }: { apiKey: string; limit: number },
): Promise<number> {
  const bucket = toBucketName(await createKeyName(apiKey));
  const [consumed, pauses, now] = await Promise.all([
    store.countConsumed(bucket, WINDOW_MS),
    store.listPauses(),
    store.now(),
  ]);
  const isHeld = pauses.some((pause) => pause.bucket === bucket && (pause.until > now || pause.needsProbe));
  return isHeld ? 0 : Math.max(0, limit - consumed);
}

/** The bucket of Groundcrew's reads with an agent's key. A pause leaves the agent's turns to its own calls. */
export const toAgentReadsBucket = (agent: string): string => `agent_reads:${encodeURIComponent(agent)}`;

/** Counts an agent's own requests to Plane. */
const toOwnRequestsBucket = (agent: string) => `agent_requests:${encodeURIComponent(agent)}`;

/** The turns that one request of the agent itself takes: reads with its key then leave it a part of its quota. */
export const toOwnTurn = (agent: string): Consumption[] => [
  toAgentTurn(agent),
  countRecent(toOwnRequestsBucket(agent)),
];

/** Consumes nothing; succeeds only when the agent has sent no request of its own for two minutes. */
export const toIdleCondition = (agent: string): Consumption => expectNoRecent(toOwnRequestsBucket(agent));

/** The consumption that an agent's next request to Plane needs, whatever it is for. */
export function toAgentTurn(agent: string): Consumption {
  return { bucket: `agent:${encodeURIComponent(agent)}`, n: 1, limit: 1, window: AGENT_PACE_MS };
}

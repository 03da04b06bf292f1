/**
 * The client of Plane's API: every call takes its turn in the key's quota, is sent, is repeated where that is safe,
 * and its answer is checked. Lists are read page by page, and what this version of Plane supports is asked once. Also
 * which versions of Plane Groundcrew was tried with.
 */

import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { DAY, type Ms } from "../time.ts";
import {
  type CallPriority,
  type Endpoint,
  fillRoute,
  normalizeBaseUrl,
  type PlaneAnswer,
  type PlaneCallOptions,
  type PlaneCapabilities,
  type PlaneClient,
  type PlanePage,
  requiresApiKey,
} from "./endpoint.ts";
import {
  PlaneError,
  PlaneNotFoundError,
  PlaneRateLimitedError,
  PlaneUnavailableError,
  PlaneUnexpectedError,
  REFUSAL_CODES,
} from "./errors.ts";
import { instanceApi } from "./projects.ts";
import { createQuota, type QuotaOptions } from "./quota.ts";
import { createRequestSender, parseReply } from "./request.ts";
import { RELATIONS_PATH } from "./work-items.ts";

export interface PlaneClientOptions {
  /** Plane's address without `/api/v1`; it may have a path and a trailing slash. */
  url: string;
  apiKey: string;
  /** The workspace's slug, which replaces `:workspace` in every route. */
  workspace: string;
  /** Name of the key's quota in the store, for example a prefix of the key's SHA-256; never the key itself. */
  keyName: string;
  /** Requests a minute that Plane allows this key (by default 60). */
  rateLimit: number;
  store: QuotaOptions["store"];
  metrics: Metrics;
  log: Log;
  clock: () => Ms;
  /** Shared by the clients of one server, so that each of its abilities is found out once. Default: its own. */
  capabilities?: ReturnType<typeof createCapabilityCache>;
  wait: (ms: Ms) => Promise<void>;
  fetch: typeof fetch;
  /** Timeout for one request, including the body of its answer. Default 30 s. */
  timeout?: Ms;
  /** Called when a retry fails, too: a lasting outage is known before the last retry of a call has failed. */
  reportUnavailable?: (reason: PlaneUnavailableError) => void;
  /** Pauses before the retries of one call. Default 1, 5, 15 s. */
  retryDelays?: readonly Ms[];
  /**
   * Limit of the total time that one call may wait for the quota. Default 10 s for interactive, 90 s for background, 0
   * for spare calls.
   */
  maxWait?: Record<CallPriority, Ms>;
  /** Limit of the answer's size in bytes. Default 64 MiB. */
  answerLimit?: number;
}

interface RetryOptions extends Pick<PlaneClientOptions, "wait" | "log" | "reportUnavailable"> {
  operation: string;
  /** Whether the request may be repeated when it is unknown whether Plane carried it out. */
  repeatable: boolean;
  /** Pause before each retry, in milliseconds. */
  delays: readonly Ms[];
  /** Limit of a `Retry-After`: a longer one ends the call. */
  maxWait: Ms;
}

/**
 * Limit of the rows in one list: 1,000,000. Plane sends at most 1,000 rows a page (test/fixtures/plane-contract), so at
 * its default of 60 requests a minute such a list takes 17 minutes. The lists are those of one workspace, project or
 * task; the largest that is plausible, a project's work items, has some 100,000.
 */
const MAX_LIST_ROWS = 1_000_000;

/** Limit of the pages of one list: 10,000, the row limit in pages of 100 rows, the smallest that a poll requests. */
const MAX_LIST_PAGES = 10_000;

/** The version of a Plane that does not report one, for example behind a proxy that passes only its API. */
const UNKNOWN_VERSION = "unknown";

/**
 * Throws a RangeError when the address or the key is invalid. Calls fail when the store fails, because an uncounted
 * request could exceed the quota.
 */
export function createPlaneClient(options: PlaneClientOptions): PlaneClient {
  const { apiKey, workspace, clock, metrics, retryDelays = [1_000, 5_000, 15_000] } = options;
  const { maxWait = { people: 10_000, interactive: 10_000, background: 90_000, spare: 0 } } = options;
  if (!/^[\x21-\x7e]+$/.test(apiKey)) throw new RangeError("The Plane API key is empty or contains invalid characters");
  const base = normalizeBaseUrl(options.url);
  const request = createRequestSender(options);
  const quota = createQuota({ ...options, limit: options.rateLimit, maxWait });
  const capabilities =
    options.capabilities ??
    createCapabilityCache(async () => (await call(instanceApi.info)).data.instance.current_version, clock);

  async function call<A>(endpoint: Endpoint<A>, callOptions: PlaneCallOptions = {}): Promise<PlaneAnswer<A>> {
    const { operation, method, path } = endpoint;
    const { priority = "background", query, json, waitBudget, retries, beforeSend } = callOptions;
    const usesApiKey = requiresApiKey(endpoint);
    const waitForTurn = quota.createTurnWaiter(operation, priority, waitBudget);
    const delays = retries === false ? [] : retryDelays;
    const repeats = { delays, repeatable: isRepeatable(method, json), maxWait: waitBudget?.left ?? maxWait[priority] };
    const url = base + fillRoute(path, { ...callOptions.params, workspace });
    const headers: Record<string, string> = usesApiKey ? { "x-api-key": apiKey } : {};
    const httpRequest = { operation, method, route: path, url, headers, query, body: json };
    return withRetries({ ...options, operation, ...repeats }, async (attempt) => {
      const isProbe = usesApiKey && (await waitForTurn());
      await beforeSend?.();
      if (attempt > 0) metrics.count("plane_api_retry_total", { operation });
      const reply = await request(httpRequest);
      if (isProbe && reply.status < 500 && reply.status !== 429) await quota.endProbe();
      // Error messages contain Plane's answer, which must not reveal the key if the server repeats it.
      if (reply.status >= 400) reply.body = reply.body.replaceAll(apiKey, "[secret]");
      try {
        return parseReply(endpoint, reply);
      } catch (thrown) {
        if (usesApiKey && thrown instanceof PlaneRateLimitedError) await quota.pause(thrown.retryAfter);
        if (path === RELATIONS_PATH && thrown instanceof PlaneNotFoundError && thrown.noRoute)
          capabilities.noRelations();
        throw thrown;
      }
    });
  }

  return {
    call,
    pages: <R>(endpoint: Endpoint<PlanePage<R>>, callOptions?: PlaneCallOptions) =>
      fetchPages(call, endpoint, callOptions),
    capabilities: capabilities.get,
  };
}

/**
 * Reads and PATCHes may be repeated, and creates that Plane recognizes by their `external_source` and `external_id`: it
 * answers the second one with 409 and the id of the first.
 */
function isRepeatable(method: Endpoint<unknown>["method"], json: PlaneCallOptions["json"]): boolean {
  if (method === "POST") return Boolean(json?.["external_source"] && json["external_id"]);
  return method === "GET" || method === "PATCH";
}

/**
 * Requests a list page by page, each page only when the iteration reaches it. Throws a PlaneUnexpectedError when the
 * list cannot end: a cursor is repeated, an empty page announces a further one, there are more than twice the rows that
 * the list counts (rows may move to a later page during the read), or a limit is reached. The pages before remain
 * valid.
 */
export async function* fetchPages<R>(
  call: PlaneClient["call"],
  endpoint: Endpoint<PlanePage<R>>,
  options: PlaneCallOptions = {},
): AsyncGenerator<PlaneAnswer<PlanePage<R>>, void> {
  const usedCursors = new Set<string>();
  let query = options.query ?? {};
  let rowCount = 0;
  let largestPage = 0;
  for (;;) {
    const page = await call(endpoint, { ...options, query });
    yield page;
    const { results, total_count: total, next_page_results: more, next_cursor: cursor } = page.data;
    if (!more) return;
    rowCount += results.length;
    largestPage = Math.max(largestPage, results.length);
    let problem: string | undefined;
    if (usedCursors.has(cursor)) problem = "repeats a page that was already read";
    else if (results.length === 0) problem = "announces a further page after an empty one";
    else if (rowCount > 2 * total + largestPage) problem = `has sent ${rowCount} rows although it counts ${total}`;
    else if (rowCount >= MAX_LIST_ROWS) problem = `does not end after ${rowCount} rows`;
    usedCursors.add(cursor);
    if (usedCursors.size >= MAX_LIST_PAGES) problem ??= `does not end after ${usedCursors.size} pages`;
    if (problem) {
      const advice = "the read was ended. If this persists, check Plane and the proxies in front of it.";
      throw createListError(endpoint, `${problem}; ${advice}`);
    }
    query = { ...query, cursor };
  }
}

/** The error of a list that cannot be right; `problem` is the rest of the sentence. */
export function createListError({ operation }: { operation: string }, problem: string): PlaneUnexpectedError {
  return new PlaneUnexpectedError({ operation }, `Plane's list ${operation} ${problem}`);
}

/** Calls `attempt(0)` and, after a failure that a retry may fix, `attempt(1)` and so on, once for each delay. */
export async function withRetries<T>(options: RetryOptions, attempt: (attemptIndex: number) => Promise<T>): Promise<T> {
  for (let attemptIndex = 0; ; attemptIndex += 1) {
    try {
      return await attempt(attemptIndex);
    } catch (thrown) {
      if (attemptIndex > 0 && thrown instanceof PlaneUnavailableError) options.reportUnavailable?.(thrown);
      const delay = options.delays[attemptIndex];
      if (delay === undefined || !mayRepeat(thrown, options)) throw thrown;
      // After a 429 the quota delays the next attempt, like all other requests with this key.
      const pause = thrown instanceof PlaneUnavailableError ? Math.max(delay, thrown.retryAfter ?? 0) : 0;
      const { code: reason, status } = thrown;
      const details = { operation: options.operation, reason, status, after: attemptIndex + 1, pause };
      options.log.warn("request to Plane repeated", details);
      if (pause > 0) await options.wait(pause);
    }
  }
}

function mayRepeat(thrown: unknown, { repeatable, maxWait }: RetryOptions): thrown is PlaneError {
  // Plane does not carry out a request that it answers with 429, so every request may be repeated. An error of our own
  // quota has no status and is final.
  if (thrown instanceof PlaneRateLimitedError) return thrown.status === 429;
  return thrown instanceof PlaneUnavailableError && repeatable && (thrown.retryAfter ?? 0) <= maxWait;
}

/**
 * Caches for a day what the server supports, according to its version and to a 404 for a route that the version should
 * have. If the server answers without a version, everything counts as supported. If it does not answer, `get` rejects
 * and the next call tries again.
 */
export function createCapabilityCache(readVersion: () => Promise<string>, clock: () => number) {
  let cached: { version: Promise<string>; until: number } | undefined;
  let noRelationsUntil = 0;
  const readKnownVersion = () =>
    readVersion().catch((thrown: unknown) => {
      if (thrown instanceof PlaneError && REFUSAL_CODES.has(thrown.code)) return UNKNOWN_VERSION;
      throw thrown;
    });

  return {
    async get(): Promise<PlaneCapabilities> {
      const entry = cached && clock() < cached.until ? cached : { version: readKnownVersion(), until: clock() + DAY };
      cached = entry;
      entry.version.catch(() => {
        if (cached === entry) cached = undefined;
      });
      const version = await entry.version;
      return { version, relations: hasRelations(version) && clock() >= noRelationsUntil };
    },
    noRelations() {
      noRelationsUntil = clock() + DAY;
    },
  };
}

/** Relations exist since v1.3.0. An unknown version counts as supporting them until a 404 shows otherwise. */
function hasRelations(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined) return true;
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 3);
}

/** Reads the list in the text of compose/versions.env; undefined where it has none. */
export function parseKnownPlaneVersions(text: string): string[] | undefined {
  const [, list = ""] = /^PLANE_KNOWN_VERSIONS=(.*)$/m.exec(text) ?? [];
  const versions = list.split(",").flatMap((version) => version.trim() || []);
  return versions.length > 0 ? versions : undefined;
}

/**
 * Whether Groundcrew was not tried with a version that Plane reports. Only release lines such as 1.3 are compared,
 * because Plane v1.2.2 reports itself as 1.2.0. False when there is nothing to compare.
 */
export function isUntestedPlane(version: string, known: readonly string[] | undefined): boolean {
  const line = toReleaseLine(version);
  return known !== undefined && line !== undefined && !known.some((one) => toReleaseLine(one) === line);
}

/** `1.3` of `v1.3.1`; undefined for other texts. */
export function toReleaseLine(version: string): string | undefined {
  return /^v?(\d+\.\d+)(?:\.|$)/.exec(version)?.[1];
}

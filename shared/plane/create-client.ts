import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Ms } from "../time.ts";
import { type CapabilityCache, createCapabilityCache } from "./capabilities.ts";
import type { Endpoint, PlaneAnswer, PlaneCallOptions, PlaneClient, PlanePage } from "./client.ts";
import { PlaneNotFoundError, PlaneRateLimitedError } from "./errors.ts";
import { instanceApi } from "./instance.ts";
import { fetchPages } from "./pages.ts";
import { parseReply } from "./parse-reply.ts";
import { type CallPriority, createQuota, type QuotaOptions } from "./quota.ts";
import { RELATIONS_PATH } from "./relations.ts";
import { createRequestSender } from "./request.ts";
import { isRepeatable, withRetries } from "./retry.ts";
import { fillRoute, normalizeBaseUrl, requiresApiKey } from "./route.ts";

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
  capabilities?: CapabilityCache;
  wait: (ms: Ms) => Promise<void>;
  fetch: typeof fetch;
  /** Timeout for one request, including the body of its answer. Default 30 s. */
  timeout?: Ms;
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

/**
 * Throws a RangeError when the address or the key is invalid. Calls fail when the store fails, because an uncounted
 * request could exceed the quota.
 */
export function createPlaneClient(options: PlaneClientOptions): PlaneClient {
  const { apiKey, workspace, clock, metrics, retryDelays = [1_000, 5_000, 15_000] } = options;
  const { maxWait = { interactive: 10_000, background: 90_000, spare: 0 } } = options;
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
    const retryOptions = {
      ...options,
      operation,
      repeatable: isRepeatable(method, json),
      delays: retries === false ? [] : retryDelays,
      maxWait: waitBudget?.left ?? maxWait[priority],
    };
    const httpRequest = {
      operation,
      method,
      route: path,
      url: base + fillRoute(path, { ...callOptions.params, workspace }),
      headers: usesApiKey ? { "x-api-key": apiKey } : {},
      query,
      body: json,
    };
    return withRetries(retryOptions, async (attempt) => {
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
        if (usesApiKey && thrown instanceof PlaneRateLimitedError) await quota.hold(thrown.retryAfter);
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

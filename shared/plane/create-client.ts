import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Ms, Store } from "../store/port.ts";
import { answerOf } from "./answer.ts";
import { createCapabilities } from "./capabilities.ts";
import type { Answer, CallOptions, Endpoint, Listed, PlaneClient } from "./client.ts";
import { PlaneNotFoundError, PlaneRateLimitedError } from "./errors.ts";
import { instance } from "./instance.ts";
import { pagesOf } from "./pages.ts";
import { type CallPriority, createQuota } from "./quota.ts";
import { RELATIONS_PATH } from "./relations.ts";
import { createRequest } from "./request.ts";
import { isRepeatable, withRetries } from "./retry.ts";
import { baseUrl, fillRoute } from "./route.ts";

export interface PlaneClientOptions {
  /** Plane's address without `/api/v1`; it may have a path and a slash at its end. */
  url: string;
  apiKey: string;
  /** The workspace's slug: fills `:workspace` in every route. */
  workspace: string;
  /** Names the key's quota in the store, for example the beginning of its SHA-256; never the key itself. */
  keyName: string;
  /** Requests a minute that Plane allows this key (60 unless its server says otherwise). */
  rateLimit: number;
  store: Pick<Store, "spend" | "hold">;
  metrics: Metrics;
  log: Log;
  clock: () => Ms;
  wait: (ms: Ms) => Promise<void>;
  fetch: typeof fetch;
  /** The limit of one request, its answer's body included. Default 30 s. */
  timeout?: Ms;
  /** The pauses before the repetitions of one call. Default 1, 5, 15 s. */
  retryDelays?: readonly Ms[];
  /** How long one call may wait for its turn in all before it fails. Default 10 s interactive, 90 s background, spare not at all. */
  maxWait?: Record<CallPriority, Ms>;
  /** Bytes of the largest answer taken. Default 64 MiB. */
  answerLimit?: number;
}

/** Routes that take the API key and count against its quota; the others are what Plane tells anyone. */
const KEYED = "/api/v1/";

/** Throws a RangeError when the address or the key can be in no request. A store that fails, fails the call. */
export function createPlaneClient(options: PlaneClientOptions): PlaneClient {
  const { apiKey, workspace, clock, metrics, retryDelays = [1_000, 5_000, 15_000] } = options;
  const { maxWait = { interactive: 10_000, background: 90_000, spare: 0 } } = options;
  if (!/^[\x21-\x7e]+$/.test(apiKey)) throw new RangeError("The Plane API key is empty or has characters no key has");
  const base = baseUrl(options.url);
  const request = createRequest(options);
  const quota = createQuota({ ...options, limit: options.rateLimit, maxWait });
  const capabilities = createCapabilities(async () => (await call(instance.info)).data.instance.current_version, clock);

  async function call<A>(endpoint: Endpoint<A>, asked: CallOptions = {}): Promise<Answer<A>> {
    const { operation, method, path } = endpoint;
    const { priority = "background", query, json, patience, before } = asked;
    const keyed = path.startsWith(KEYED);
    const myTurn = quota.turns(operation, priority, patience);
    const retries = {
      ...options,
      operation,
      repeatable: isRepeatable(method, json),
      delays: retryDelays,
      maxWait: patience?.left ?? maxWait[priority],
    };
    const sent = {
      operation,
      method,
      route: path,
      url: base + fillRoute(path, { ...asked.params, workspace }),
      headers: keyed ? { "x-api-key": apiKey } : {},
      query,
      body: json,
    };
    return withRetries(retries, async (nth) => {
      if (keyed) await myTurn();
      await before?.();
      if (nth > 0) metrics.count("plane_api_retry_total", { operation });
      const reply = await request(sent);
      // An error repeats Plane's words; a server that repeats the key must not bring it into a message.
      if (reply.status >= 400) reply.body = reply.body.replaceAll(apiKey, "[secret]");
      try {
        return answerOf(endpoint, reply);
      } catch (thrown) {
        if (keyed && thrown instanceof PlaneRateLimitedError) await quota.hold(thrown.retryAfter);
        if (path === RELATIONS_PATH && thrown instanceof PlaneNotFoundError && thrown.noRoute)
          capabilities.noRelations();
        throw thrown;
      }
    });
  }

  return {
    call,
    pages: <R>(endpoint: Endpoint<Listed<R>>, asked?: CallOptions) => pagesOf(call, endpoint, asked),
    capabilities: capabilities.get,
  };
}

import type { Deps } from "../../shared/app/deps.ts";
import { noMetrics } from "../../shared/metrics.ts";
import type { Endpoint } from "../../shared/plane/client.ts";
import { PlaneError } from "../../shared/plane/errors.ts";
import { parseReply } from "../../shared/plane/parse-reply.ts";
import { createRequestSender } from "../../shared/plane/request.ts";
import { fillRoute, normalizeBaseUrl } from "../../shared/plane/route.ts";
import type { Ms } from "../../shared/time.ts";

/** Timeout for one request to Plane: 10 s. A healthy Plane answers much faster. */
const TIMEOUT_MS: Ms = 10_000;

export type QueryDeps = Pick<Deps, "fetch" | "clock">;

/** Result of one request to Plane. */
export type PlaneQueryResult<A> =
  | { ok: true; data: A; remaining: number | undefined; ahead: Ms }
  | { ok: false; error: PlaneError };

export type PlaneQuery = <A>(endpoint: Endpoint<A>, key?: string) => Promise<PlaneQueryResult<A>>;

/**
 * Sends single requests to Plane, without retries. They are not counted in the runtime's quota, which is in its store:
 * the doctor needs only a few. `remaining` is the number of requests that Plane still allows the key in this minute.
 * `ahead` is the time by which Plane's clock is ahead of this machine's, accurate to half a second plus half the
 * duration of the request.
 */
export function createPlaneQuery({ fetch, clock }: QueryDeps, plane: { url: string; workspace: string }): PlaneQuery {
  const request = createRequestSender({ fetch, clock, metrics: noMetrics, timeout: TIMEOUT_MS });
  const base = normalizeBaseUrl(plane.url);
  return async (endpoint, key) => {
    const { operation, method, path } = endpoint;
    const startedAt = clock();
    try {
      const url = base + fillRoute(path, { workspace: plane.workspace });
      const reply = await request({ operation, method, route: path, url, headers: key ? { "x-api-key": key } : {} });
      const endedAt = clock();
      if (key) reply.body = reply.body.replaceAll(key, "[secret]");
      const remainingHeader = reply.headers.get("x-ratelimit-remaining");
      const { data } = parseReply(endpoint, reply);
      // The Date header is truncated to whole seconds, so on average the true time is half a second later.
      const clockAhead = reply.headers.has("date") ? Date.parse(reply.date) + 500 - (startedAt + endedAt) / 2 : 0;
      return {
        ok: true,
        data,
        remaining: remainingHeader === null ? undefined : Number(remainingHeader),
        ahead: clockAhead,
      };
    } catch (thrown) {
      if (!(thrown instanceof PlaneError)) throw thrown;
      return { ok: false, error: thrown };
    }
  };
}

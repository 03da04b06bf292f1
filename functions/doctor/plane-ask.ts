import type { Deps } from "../../shared/deps.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { answerOf } from "../../shared/plane/answer.ts";
import type { Endpoint } from "../../shared/plane/client.ts";
import { PlaneError } from "../../shared/plane/errors.ts";
import { createRequest } from "../../shared/plane/request.ts";
import { baseUrl, fillRoute } from "../../shared/plane/route.ts";
import type { Ms } from "../../shared/store/port.ts";

/** A doctor does not wait long: a Plane that takes longer is ill. */
const LIMIT_MS: Ms = 10_000;

export type AskDeps = Pick<Deps, "fetch" | "clock">;

/** How one question to Plane went. */
export type Asked<A> =
  | { ok: true; data: A; remaining: number | undefined; ahead: Ms }
  | { ok: false; error: PlaneError };

export type Ask = <A>(endpoint: Endpoint<A>, key?: string) => Promise<Asked<A>>;

/**
 * Asks Plane once, without the runtime's count of the quota, which lies in its store: a doctor's visit costs few
 * requests. `remaining`: what Plane says is left of the key's minute. `ahead`: how far Plane's clock is ahead of ours,
 * known to half a second and half the time the answer took.
 */
export function createAsk({ fetch, clock }: AskDeps, plane: { url: string; workspace: string }): Ask {
  const request = createRequest({ fetch, clock, metrics: noMetrics, timeout: LIMIT_MS });
  const base = baseUrl(plane.url);
  return async (endpoint, key) => {
    const { operation, method, path } = endpoint;
    const began = clock();
    try {
      const url = base + fillRoute(path, { workspace: plane.workspace });
      const reply = await request({ operation, method, route: path, url, headers: key ? { "x-api-key": key } : {} });
      const ended = clock();
      if (key) reply.body = reply.body.replaceAll(key, "[secret]");
      const left = reply.headers.get("x-ratelimit-remaining");
      const { data } = answerOf(endpoint, reply);
      // The header has whole seconds, cut off.
      const ahead = reply.headers.has("date") ? Date.parse(reply.date) + 500 - (began + ended) / 2 : 0;
      return { ok: true, data, remaining: left === null ? undefined : Number(left), ahead };
    } catch (thrown) {
      if (!(thrown instanceof PlaneError)) throw thrown;
      return { ok: false, error: thrown };
    }
  };
}

import type { Endpoint, PlaneAnswer, PlaneCallOptions } from "../client.ts";
import { parseReply } from "../parse-reply.ts";
import { createRequestSender, type PlaneRequestOptions } from "../request.ts";
import { fillRoute, normalizeBaseUrl } from "../route.ts";
import { createCookieJar } from "./cookie-jar.ts";

interface SessionCallOptions extends Omit<PlaneCallOptions, "priority"> {
  /** Sent as an HTML form would be, instead of `json`. */
  form?: Record<string, string>;
}

export interface PlaneSessionOptions extends PlaneRequestOptions {
  /** Plane's address; it may have a path and a slash at its end. */
  url: string;
}

/** One browser's worth of Plane: the API its own pages use, with the cookies of whoever signed in. */
export interface PlaneSession {
  call<A>(endpoint: Endpoint<A>, options?: SessionCallOptions): Promise<PlaneAnswer<A>>;
}

/**
 * For what Plane offers over no API key: accounts, workspaces, tokens, webhooks. Nobody is signed in at first.
 * Each call is one request, with the time limit and the errors of the client but neither its quota nor its retries:
 * who provisions looks at what is there and begins again.
 */
export function createPlaneSession(options: PlaneSessionOptions): PlaneSession {
  const base = normalizeBaseUrl(options.url);
  const request = createRequestSender(options);
  const cookies = createCookieJar(options.clock);

  return {
    async call(endpoint, { params, query, json, form } = {}) {
      const reply = await request({
        operation: endpoint.operation,
        method: endpoint.method,
        route: endpoint.path,
        url: base + fillRoute(endpoint.path, params ?? {}),
        // Over https Plane takes a form only with a referer of its own.
        headers: { ...cookies.header(), referer: `${base}/` },
        query,
        body: form ? new URLSearchParams(form) : json,
      });
      cookies.take(reply.headers);
      return parseReply(endpoint, reply);
    },
  };
}

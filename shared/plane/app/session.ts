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
  /** Plane's address; it may have a path and a trailing slash. */
  url: string;
}

/** A browser session with Plane: the API of Plane's own pages, with the cookies of the signed-in account. */
export interface PlaneSession {
  call<A>(endpoint: Endpoint<A>, options?: SessionCallOptions): Promise<PlaneAnswer<A>>;
}

/**
 * Creates a session for the parts of Plane that API keys cannot access: accounts, workspaces, tokens, webhooks. It is
 * not signed in at first. Each call is one request with the timeout and the errors of the client, but without its quota
 * and its retries, because provision reads the state again and repeats its steps.
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
        // Over https Plane accepts a form only with its own address as the referer.
        headers: { ...cookies.header(), referer: `${base}/` },
        query,
        body: form ? new URLSearchParams(form) : json,
      });
      cookies.take(reply.headers);
      return parseReply(endpoint, reply);
    },
  };
}

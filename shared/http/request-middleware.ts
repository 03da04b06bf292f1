import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { Deps } from "../app/deps.ts";
import { createClientResolver } from "./client-resolver.ts";

type RequestMiddlewareDeps = Pick<Deps, "settings" | "log" | "metrics" | "clock" | "newId">;

interface RequestMiddlewareOptions {
  /** Returns the address of the connection's other end, which only the runtime knows. */
  getRemoteAddress: (c: Context) => string;
  /** Checks of origin and access. Each throws to refuse a request, and returns undefined where it does not apply. */
  checks: readonly ((c: Context) => Promise<void> | undefined)[];
  /** Called for each request when it begins (1) and when it ends (-1). */
  onRequestChange?: ((change: 1 | -1) => void) | undefined;
  /** Creates the response to an error of a check or a handler; rethrows an error that must get no response. */
  handleError: (thrown: Error, c: Context) => Response;
}

/**
 * Creates the middleware around every handler: sets each request's correlation id and client address, runs the checks
 * and logs one line at the end. The line contains the route's pattern and never the URL, which may contain secrets.
 */
export function createRequestMiddleware(
  deps: RequestMiddlewareDeps,
  { getRemoteAddress, checks, onRequestChange, handleError }: RequestMiddlewareOptions,
): MiddlewareHandler {
  const { clock, log, metrics } = deps;
  const resolveClient = createClientResolver(deps, getRemoteAddress);

  return async (c, next) => {
    const startedAt = clock();
    onRequestChange?.(1);
    const correlation = deps.newId();
    const { client, untrustedProxy } = resolveClient(c);
    c.set("correlation", correlation);
    c.set("client", client);
    if (untrustedProxy !== undefined) c.set("untrustedProxy", untrustedProxy);
    let isAnswered = false;
    try {
      for (const check of checks) {
        const pendingCheck = check(c);
        if (pendingCheck) await pendingCheck;
      }
      await next();
      isAnswered = true;
    } catch (thrown) {
      if (!(thrown instanceof Error)) throw thrown;
      c.res = handleError(thrown, c);
      isAnswered = true;
    } finally {
      const { method } = c.req;
      const route = getRoutePattern(c);
      const ms = clock() - startedAt;
      const status = isAnswered ? c.res.status : "no answer";
      const level = c.get("isFrequent") && isAnswered && c.res.ok ? "debug" : "info";
      log[level]("request", { correlation, method, route, status, ms, client, ...c.get("logFields") });
      metrics.observe("groundcrew_request_duration_seconds", ms / 1000, { method, route });
      onRequestChange?.(-1);
    }
  };
}

function getRoutePattern(c: Context): string {
  const path = routePath(c, -1);
  return path.endsWith("*") ? "none" : path;
}

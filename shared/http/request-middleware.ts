import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { Deps } from "../app/deps.ts";
import { parseIpRange, resolveClientAddress } from "../ip-address.ts";

type RequestMiddlewareDeps = Pick<Deps, "settings" | "log" | "metrics" | "clock" | "newId">;

interface RequestMiddlewareOptions {
  /** The address at the other end of the connection, as the runtime knows it. */
  getRemoteAddress: (c: Context) => string;
  /** Who may send this, who may use what it asks for: each throws what it is refused for. Undefined: nothing to ask. */
  checks: readonly ((c: Context) => Promise<void> | undefined)[];
  /** Is told of each request when it begins (1) and when it is over (-1). */
  onRequestChange?: ((change: 1 | -1) => void) | undefined;
  /** The answer to what a check or a handler throws; throws on what must get none. */
  handleError: (thrown: Error, c: Context) => Response;
}

/**
 * The one layer around every handler: gives each request its correlation id and its client address, lets through what
 * passes the checks, and writes one line when it is over. Of the address only the route's pattern is written, never
 * what stood in it.
 */
export function createRequestMiddleware(
  deps: RequestMiddlewareDeps,
  { getRemoteAddress, checks, onRequestChange, handleError }: RequestMiddlewareOptions,
): MiddlewareHandler {
  const { clock, log, metrics } = deps;
  const trusted = deps.settings.trustedProxies.flatMap((text) => parseIpRange(text) ?? []);
  const getClientAddress = (c: Context) => {
    const address = getRemoteAddress(c);
    return trusted.length === 0 ? address : resolveClientAddress(address, c.req.header("x-forwarded-for"), trusted);
  };

  return async (c, next) => {
    const startedAt = clock();
    onRequestChange?.(1);
    const correlation = deps.newId();
    const client = getClientAddress(c);
    c.set("correlation", correlation);
    c.set("client", client);
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
      log.info("request", { correlation, method, route, status, ms, client, ...c.get("told") });
      metrics.observe("groundcrew_request_duration_seconds", ms / 1000, { method, route });
      onRequestChange?.(-1);
    }
  };
}

function getRoutePattern(c: Context): string {
  const path = routePath(c, -1);
  return path.endsWith("*") ? "none" : path;
}

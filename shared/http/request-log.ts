import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { Deps } from "../deps.ts";
import { clientAddress, parseRange } from "./address.ts";

type LogDeps = Pick<Deps, "settings" | "log" | "metrics" | "clock" | "newId">;

/**
 * The outermost layer: gives each request its correlation id, its log and its client address, and writes one line
 * when it is over. Of the address only the route's pattern is written, never what stood in it.
 */
export function requestLog(deps: LogDeps, connection: (c: Context) => string): MiddlewareHandler {
  const { clock, metrics } = deps;
  const trusted = deps.settings.trustedProxies.flatMap((text) => parseRange(text) ?? []);
  return async (c, next) => {
    const startedAt = clock();
    const correlation = deps.newId();
    const log = deps.log.with({ correlation });
    const client = clientAddress(connection(c), c.req.header("x-forwarded-for"), trusted);
    c.set("correlation", correlation);
    c.set("client", client);
    c.set("log", log);
    let answered = false;
    try {
      await next();
      answered = true;
    } finally {
      const { method } = c.req;
      const route = patternOf(c);
      const ms = clock() - startedAt;
      log.info("request", {
        method,
        route,
        status: answered ? c.res.status : "no answer",
        ms,
        client,
        ...c.get("told"),
      });
      metrics.observe("groundcrew_request_duration_seconds", ms / 1000, { method, route });
    }
  };
}

function patternOf(c: Context): string {
  const path = routePath(c, -1);
  return path.endsWith("*") ? "none" : path;
}

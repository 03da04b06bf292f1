import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { Deps } from "../deps.ts";
import { clientAddress, parseRange } from "./address.ts";

type ShellDeps = Pick<Deps, "settings" | "log" | "metrics" | "clock" | "newId">;

interface ShellOptions {
  /** The address at the other end of the connection, as the runtime knows it. */
  connection: (c: Context) => string;
  /** Who may send this, who may use what it asks for: each throws what it is refused for. Undefined: nothing to ask. */
  checks: readonly ((c: Context) => Promise<void> | undefined)[];
  /** Is told of each request when it begins (1) and when it is over (-1). */
  atWork?: ((change: 1 | -1) => void) | undefined;
  /** The answer to what a check or a handler throws; throws on what must get none. */
  refuse: (thrown: Error, c: Context) => Response;
}

/**
 * The one layer around every handler: gives each request its correlation id and its client address, lets through what
 * passes the checks, and writes one line when it is over. Of the address only the route's pattern is written, never
 * what stood in it.
 */
export function shell(deps: ShellDeps, { connection, checks, atWork, refuse }: ShellOptions): MiddlewareHandler {
  const { clock, log, metrics } = deps;
  const trusted = deps.settings.trustedProxies.flatMap((text) => parseRange(text) ?? []);
  const clientOf = (c: Context) => {
    const address = connection(c);
    return trusted.length === 0 ? address : clientAddress(address, c.req.header("x-forwarded-for"), trusted);
  };

  return async (c, next) => {
    const startedAt = clock();
    atWork?.(1);
    const correlation = deps.newId();
    const client = clientOf(c);
    c.set("correlation", correlation);
    c.set("client", client);
    let answered = false;
    try {
      for (const check of checks) {
        const checking = check(c);
        if (checking) await checking;
      }
      await next();
      answered = true;
    } catch (thrown) {
      if (!(thrown instanceof Error)) throw thrown;
      c.res = refuse(thrown, c);
      answered = true;
    } finally {
      const { method } = c.req;
      const route = patternOf(c);
      const ms = clock() - startedAt;
      const status = answered ? c.res.status : "no answer";
      log.info("request", { correlation, method, route, status, ms, client, ...c.get("told") });
      metrics.observe("groundcrew_request_duration_seconds", ms / 1000, { method, route });
      atWork?.(-1);
    }
  };
}

function patternOf(c: Context): string {
  const path = routePath(c, -1);
  return path.endsWith("*") ? "none" : path;
}

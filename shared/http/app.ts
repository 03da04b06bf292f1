import { type Context, Hono, type MiddlewareHandler } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { Deps, Route } from "../deps.ts";
import { GroundcrewError } from "../errors.ts";
import { createOnError, errorAnswer } from "./error-answer.ts";
import { guard } from "./guard.ts";
import { requestLog } from "./request-log.ts";
import { trust } from "./trust.ts";

/** What each answer carries, put there by the host: building it into each one costs more than much of the work. */
export const EACH_ANSWER = [
  ["X-Content-Type-Options", "nosniff"],
  ["Cache-Control", "no-store"],
] as const;

interface AppOptions {
  routes: readonly Route[];
  /** The address at the other end of the connection, as the runtime knows it. */
  connection: (c: Context) => string;
  /** True for a port of its own (METRICS_PORT): its routes need no token. */
  open?: boolean;
}

/**
 * The routes inside what all of them share: log, trust, access, errors as JSON.
 * A request that must get no answer makes `fetch` reject with `BreakConnection`.
 */
export function createApp(deps: Deps, options: AppOptions): Hono {
  const { settings } = deps;
  const app = new Hono();
  app.use(requestLog(deps, options.connection));
  app.use(gate(trust(settings), options.open ? () => undefined : guard(deps, options.routes)));
  for (const route of options.routes) app.route(route.path, route.app(deps));
  const otherMethod = methodNotAllowed({ app, onMethodNotAllowed: refuseMethod });
  app.notFound(async (c) => {
    c.res = errorAnswer(c, new GroundcrewError("not_found", "There is nothing at this address."));
    await otherMethod(c, async () => {});
    return c.res;
  });
  app.onError(createOnError(settings.secrets));
  return app;
}

/** Who may send this, and who may use what it asks for: one layer, which costs nothing where there is nothing to ask. */
function gate(...checks: ((c: Context) => Promise<void> | undefined)[]): MiddlewareHandler {
  return async (c, next) => {
    for (const check of checks) {
      const checking = check(c);
      if (checking) await checking;
    }
    await next();
  };
}

function refuseMethod(c: Context, methods: string[]): Response {
  c.header("Allow", methods.join(", "));
  const message = `${c.req.method} is not possible here, only ${methods.join(", ")}.`;
  return errorAnswer(c, new GroundcrewError("method_not_allowed", message));
}

import { type Context, Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { Deps, Route } from "../deps.ts";
import { GroundcrewError } from "../errors.ts";
import { createOnError, errorAnswer } from "./error-answer.ts";
import { guard } from "./guard.ts";
import { requestLog } from "./request-log.ts";
import { trust } from "./trust.ts";

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
  app.use(trust(settings));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed(c, methods) {
        c.header("Allow", methods.join(", "));
        const message = `${c.req.method} is not possible here, only ${methods.join(", ")}.`;
        return errorAnswer(c, new GroundcrewError("method_not_allowed", message));
      },
    }),
  );
  if (!options.open) app.use(guard(deps, options.routes));
  for (const route of options.routes) app.route(route.path, route.app(deps));
  app.notFound((c) => errorAnswer(c, new GroundcrewError("not_found", "There is nothing at this address.")));
  app.onError(createOnError(settings.secrets));
  return app;
}

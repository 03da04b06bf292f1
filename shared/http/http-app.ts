import { type Context, Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { Deps, Route } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { keepDefined } from "../keep-defined.ts";
import { createErrorHandler, createErrorResponse } from "./error-response.ts";
import { createOriginCheck } from "./origin-check.ts";
import { createRequestMiddleware } from "./request-middleware.ts";
import { createRouteGuard } from "./route-guard.ts";

/** What each answer but a webhook's carries, put there by the host: building it into each one costs more than much of the work. */
export const RESPONSE_HEADERS = [
  ["X-Content-Type-Options", "nosniff"],
  ["Cache-Control", "no-store"],
] as const;

interface HttpAppOptions {
  routes: readonly Route[];
  /** The address at the other end of the connection, as the runtime knows it. */
  getRemoteAddress: (c: Context) => string;
  /** Is told of each request when it begins (1) and when it is over (-1). */
  onRequestChange?: (change: 1 | -1) => void;
  /** True for a port of its own (METRICS_PORT): its routes need no token. */
  skipAccessCheck?: boolean;
}

/**
 * The routes inside what all of them share: log, trust, access, errors as JSON.
 * A request that must get no answer makes `fetch` reject with `BreakConnection`.
 */
export function createHttpApp(deps: Deps, options: HttpAppOptions): Hono {
  const { settings } = deps;
  // A slash too many is typed easily, and Plane would count a 404 as delivered.
  const app = new Hono({ strict: false });
  const handleError = createErrorHandler(deps);
  const checks = keepDefined([
    createOriginCheck(settings),
    options.skipAccessCheck ? undefined : createRouteGuard(deps, options.routes),
  ]);
  app.use(
    createRequestMiddleware(deps, {
      getRemoteAddress: options.getRemoteAddress,
      onRequestChange: options.onRequestChange,
      checks,
      handleError,
    }),
  );
  for (const route of options.routes) app.route(route.path, route.app(deps));
  const otherMethod = methodNotAllowed({ app, onMethodNotAllowed: createMethodNotAllowed });
  app.notFound(async (c) => {
    c.res = createErrorResponse(c, new GroundcrewError("not_found", "There is nothing at this address."));
    await otherMethod(c, async () => {});
    return c.res;
  });
  app.onError(handleError);
  return app;
}

function createMethodNotAllowed(c: Context, methods: string[]): Response {
  c.header("Allow", methods.join(", "));
  const message = `${c.req.method} is not possible here, only ${methods.join(", ")}.`;
  return createErrorResponse(c, new GroundcrewError("method_not_allowed", message));
}

import { type Context, Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { Deps, Route } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { GroundcrewError } from "../errors.ts";
import { keepDefined } from "../keep-defined.ts";
import { createErrorHandler, createErrorResponse } from "./error-response.ts";
import { createOriginCheck } from "./origin-check.ts";
import { createRequestMiddleware } from "./request-middleware.ts";
import { getRequestPath, isApiPath } from "./request-path.ts";
import { createRouteGuard } from "./route-guard.ts";

/** Headers of every response except webhooks'. The runtime sets them, because adding them to each Response is expensive. */
export const RESPONSE_HEADERS = [
  ["X-Content-Type-Options", "nosniff"],
  ["Cache-Control", "no-store"],
] as const;

interface HttpAppOptions {
  routes: readonly Route[];
  /** Returns the address of the connection's other end, which only the runtime knows. */
  getRemoteAddress: (c: Context) => string;
  /** Called for each request when it begins (1) and when it ends (-1). */
  onRequestChange?: (change: 1 | -1) => void;
  /** True for METRICS_PORT, whose routes need no token. */
  skipAccessCheck?: boolean;
}

/**
 * Creates the HTTP app of these routes with their common middleware: request log, origin check, access checks, errors as JSON.
 * `fetch` rejects with `BreakConnection` when a request must get no response.
 */
export function createHttpApp(deps: Deps, options: HttpAppOptions): Hono {
  const { settings } = deps;
  const app = new Hono({ getPath: getRequestPath });
  const handleError = createErrorHandler(deps);
  const checks = keepDefined([
    createOriginCheck(settings),
    options.skipAccessCheck ? undefined : createRouteGuard(deps, options.routes),
  ]);
  if (settings.allowedOrigins.length > 0) app.use("/api/*", createCors(settings));
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
    c.res = createErrorResponse(c, new GroundcrewError("not_found", "Not found."));
    await otherMethod(c, async () => {});
    return c.res;
  });
  app.onError(handleError);
  return app;
}

/** Lets scripts of other dashboards read answers. They send ADMIN_TOKEN; the page's cookie never leaves its own origin. */
function createCors({ allowedOrigins }: Pick<Settings, "allowedOrigins">): MiddlewareHandler {
  return cors({
    origin: (origin, c) => (isApiPath(c.req.path) && allowedOrigins.includes(origin) ? origin : null),
    allowMethods: ["GET", "POST", "DELETE"],
    allowHeaders: ["Authorization", "Content-Type"],
    maxAge: 600,
  });
}

function createMethodNotAllowed(c: Context, methods: string[]): Response {
  c.header("Allow", methods.join(", "));
  const message = `${c.req.method} is not allowed here. Allowed: ${methods.join(", ")}.`;
  return createErrorResponse(c, new GroundcrewError("method_not_allowed", message));
}

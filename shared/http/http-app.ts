/**
 * The HTTP application: each request gets an id, a client address, a log line and headers, passes the checks of
 * access.ts, and every error becomes one answer in the same form.
 */

import { type Context, Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { HTTPException } from "hono/http-exception";
import { methodNotAllowed } from "hono/method-not-allowed";
import { routePath } from "hono/route";
import { createAuditLog } from "../app/audit-log.ts";
import type { Deps, Route } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { type ErrorCode, GroundcrewError, getErrorMessage } from "../errors.ts";
import { getTexts } from "../i18n/texts.ts";
import { isTrustedAddress, parseTrustedProxies, resolveClientAddress } from "../ip-address.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { PlaneError } from "../plane/errors.ts";
import { renderRefusal, toGroundcrewError } from "../refusals/render-refusal.ts";
import { createRedactor } from "../text.ts";
import { HOUR, type Ms } from "../time.ts";
import { createOriginCheck, createRouteGuard } from "./access.ts";
import {
  BreakConnection,
  checkApiContentType,
  compressAnswers,
  getRequester,
  getRequestPath,
  isApiPath,
  isWebhookPath,
} from "./request.ts";
import { findRouteRole } from "./route-roles.ts";

interface HttpAppOptions {
  routes: readonly Route[];
  /** Returns the address of the connection's other end, which only the runtime knows. */
  getRemoteAddress: (c: Context) => string;
  /** Called for each request when it begins (1) and when it ends (-1). */
  onRequestChange?: (change: 1 | -1) => void;
  /** True for METRICS_PORT, whose routes need no token. */
  skipAccessCheck?: boolean;
}

/** Headers of every response except webhooks'. The runtime sets them: adding them to each Response is expensive. */
export const RESPONSE_HEADERS = [
  ["X-Content-Type-Options", "nosniff"],
  ["Cache-Control", "no-store"],
] as const;

/** Retention of the latest untrusted proxy: 1 hour, so that a single forged header is not reported for long. */
const UNTRUSTED_PROXY_MS: Ms = HOUR;

const CODE_BY_STATUS: Record<number, ErrorCode> = {
  400: "bad_request",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  413: "too_large",
  415: "unsupported_type",
  429: "rate_limited",
};

/**
 * Creates the HTTP app of these routes with their common middleware: request log, origin check, access checks, errors
 * as JSON. `fetch` rejects with `BreakConnection` when a request must get no response. Webhooks, the most frequent
 * requests, have an app of their own: Hono finds their paths by lookup, but searches a tree where one route's parameter
 * stands beside another route's fixed segment.
 */
export function createHttpApp(deps: Deps, options: HttpAppOptions): Pick<Hono, "fetch" | "routes"> {
  const middleware = createRequestMiddleware(deps, options, createErrorHandler(deps));
  const isWebhook = ({ path }: Route) => isWebhookPath(path);
  const webhooks = mountRoutes(deps, options.routes.filter(isWebhook), middleware);
  const others = mountRoutes(
    deps,
    options.routes.filter((route) => !isWebhook(route)),
    middleware,
  );
  return {
    fetch: (request, env) => (isWebhookPath(getRequestPath(request)) ? webhooks : others).fetch(request, env),
    routes: [...webhooks.routes, ...others.routes],
  };
}

/** Mounts routes behind the middleware around every handler. */
function mountRoutes(deps: Deps, routes: readonly Route[], middleware: MiddlewareHandler): Hono {
  const { settings } = deps;
  const app = new Hono({ getPath: getRequestPath });
  if (settings.allowedOrigins.length > 0) app.use("/api/*", createCors(settings));
  app.use(compressAnswers, middleware);
  for (const route of routes) app.route(route.path, route.app(deps));
  const otherMethod = methodNotAllowed({ app, onMethodNotAllowed: createMethodNotAllowed });
  app.notFound(async (c) => {
    c.res = createErrorResponse(c, new GroundcrewError("not_found", "Not found."));
    await otherMethod(c, async () => {});
    return c.res;
  });
  app.onError(createErrorHandler(deps));
  return app;
}

/**
 * Creates the handler that turns every error into `{error: {code, message}}`. The message of an unexpected error is
 * only logged, because it may contain internals; the response names the correlation id to look up in the log.
 */
function createErrorHandler({ log, settings }: Pick<Deps, "log" | "settings">) {
  const redact = createRedactor(settings.secrets);
  return (thrown: Error, c: Context): Response => {
    if (thrown instanceof BreakConnection) throw thrown;
    const error = toKnownError(thrown);
    const correlation = c.get("correlation");
    if (error) {
      if (error.status >= 500)
        log.error("request failed", { correlation, error: error.message, cause: formatCause(error) });
      return createErrorResponse(c, error, redact);
    }
    log.error("request failed unexpectedly", { correlation, error: getErrorMessage(thrown), stack: thrown.stack });
    const message = `Internal error. Details are in the log under correlation ${correlation}.`;
    return createErrorResponse(c, new GroundcrewError("internal", message));
  };
}

function toKnownError(thrown: Error): GroundcrewError | undefined {
  if (thrown instanceof GroundcrewError) return thrown;
  if (thrown instanceof PlaneError) return toGroundcrewError(thrown);
  const code = thrown instanceof HTTPException ? CODE_BY_STATUS[thrown.status] : undefined;
  return code && new GroundcrewError(code, thrown.message || code, { cause: thrown });
}

function formatCause(error: Error): string | undefined {
  return error.cause === undefined ? undefined : getErrorMessage(error.cause);
}

/** The message is in English; `text` is what the page shows in its language, which it names in `Accept-Language`. */
function createErrorResponse(
  c: Context,
  { code, message, status, refusal }: GroundcrewError,
  redact: (text: string) => string = (text) => text,
): Response {
  const isForPage = refusal !== undefined && c.get("caller") === undefined;
  const { telegram } = getTexts("auto", c.req.header("accept-language"));
  const text = isForPage ? renderRefusal(telegram, refusal) : undefined;
  const redacted = { message: redact(message), ...omitUndefined({ text: text && redact(text) }) };
  return c.json({ error: { code, ...redacted } }, status);
}

/** Lets scripts of other dashboards read answers. They send ADMIN_TOKEN; the page's cookie stays in its origin. */
function createCors({ allowedOrigins }: Pick<Settings, "allowedOrigins">): MiddlewareHandler {
  return cors({
    origin: (origin, c) => (isApiPath(c.req.path) && allowedOrigins.includes(origin) ? origin : null),
    allowMethods: ["GET", "POST", "PATCH", "DELETE"],
    allowHeaders: ["Authorization", "Content-Type"],
    maxAge: 600,
  });
}

/**
 * Creates the middleware around every handler: sets each request's correlation id and client address, runs the checks
 * and logs one line at the end. The line contains the route's pattern and never the URL, which may contain secrets.
 */
function createRequestMiddleware(
  deps: Deps,
  { routes, skipAccessCheck, getRemoteAddress, onRequestChange }: HttpAppOptions,
  handleError: (thrown: Error, c: Context) => Response,
): MiddlewareHandler {
  const { clock, log, metrics } = deps;
  const setClient = createClientResolver(deps, getRemoteAddress);
  const recordAction = createActionRecorder(deps);
  // Each throws to refuse a request, and returns undefined where it does not apply.
  const checks: ((c: Context) => Promise<void> | undefined)[] = keepDefined([
    createOriginCheck(deps.settings),
    skipAccessCheck ? undefined : createRouteGuard(deps, routes),
    checkApiContentType,
  ]);

  return async (c, next) => {
    const startedAt = clock();
    onRequestChange?.(1);
    const correlation = deps.newId();
    c.set("correlation", correlation);
    setClient(c);
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
      const fields = { correlation, method, route, status, ms, client: c.get("client"), ...c.get("logFields") };
      if (!c.get("isUnlogged")) log[level]("request", fields);
      recordAction(c, { route, ms, at: startedAt });
      metrics.observe("groundcrew_request_duration_seconds", ms / 1000, { method, route });
      onRequestChange?.(-1);
    }
  };
}

/** Creates what records in the audit what a person has changed or tried to change. */
function createActionRecorder(deps: Pick<Deps, "store" | "log" | "newId">) {
  const audit = createAuditLog(deps);
  return (c: Context, { route, ms, at }: { route: string; ms: Ms; at: Ms }): void => {
    const { method } = c.req;
    if (method === "GET" || method === "HEAD" || c.get("viewer") === undefined) return;
    const { key, ticket } = findRouteRole(method, c.req.path).params;
    const item = (key ?? ticket)?.trim().toUpperCase() ?? c.get("subject");
    const { status, ok } = c.res;
    const { by: person, where: via } = getRequester(c);
    const outcome = ok ? "ok" : (CODE_BY_STATUS[status] ?? String(status));
    const entry = { at, person, tool: `${method} ${route}`, outcome, ms, via, correlation: c.get("correlation") };
    void audit({ ...entry, ...omitUndefined({ item }) });
  };
}

/**
 * Creates the function that sets a request's client. It also remembers the latest peer whose X-Forwarded-For was
 * ignored: probably a proxy that is missing in TRUSTED_PROXIES, whose clients then share their rate limits.
 */
function createClientResolver(
  { settings, clock }: Pick<Deps, "settings" | "clock">,
  getRemoteAddress: (c: Context) => string,
): (c: Context) => void {
  const trusted = parseTrustedProxies(settings.trustedProxies);
  let untrusted: { address: string; at: Ms } | undefined;
  return (c) => {
    const address = getRemoteAddress(c);
    const forwardedFor = c.req.header("x-forwarded-for");
    if (untrusted && clock() - untrusted.at > UNTRUSTED_PROXY_MS) untrusted = undefined;
    if (forwardedFor !== undefined && !isTrustedAddress(address, trusted)) untrusted = { address, at: clock() };
    c.set("client", trusted.length === 0 ? address : resolveClientAddress(address, forwardedFor, trusted));
    if (untrusted) c.set("untrustedProxy", untrusted.address);
  };
}

function getRoutePattern(c: Context): string {
  const path = routePath(c, -1);
  return path.endsWith("*") ? "none" : path;
}

function createMethodNotAllowed(c: Context, methods: string[]): Response {
  c.header("Allow", methods.join(", "));
  const message = `${c.req.method} is not allowed here. Allowed: ${methods.join(", ")}.`;
  return createErrorResponse(c, new GroundcrewError("method_not_allowed", message));
}

import type { IncomingMessage } from "node:http";
import type { Context, Hono } from "hono";
import { createPageNotFoundError, createUnauthenticatedError, PlaneApiError } from "./api-error.ts";
import { RateLimitError, type RateLimiter } from "./rate-limiter.ts";
import { createTimeFormatter, formatUtc, type TimeFormatter } from "./render-row.ts";
import type { Json, JsonObject, UserRow } from "./rows.ts";
import type { Id } from "./types.ts";
import type { PlaneWorld } from "./world.ts";

/** One HTTP request, as endpoint handlers receive it. */
export interface EndpointCall {
  world: PlaneWorld;
  /** Parameters of the path; ids are lower-case UUIDs. */
  params: Record<string, string>;
  query: URLSearchParams;
  headers: Headers;
  /** The user whose request it is; undefined for public endpoints. */
  reader: UserRow | undefined;
  formatTime: TimeFormatter;
  json(): Promise<JsonObject>;
  form(): Promise<FormData>;
}
export interface EndpointResponse {
  status: number;
  body?: Json;
  headers?: Record<string, string>;
  cookies?: string[];
}
export type EndpointHandler = (call: EndpointCall) => EndpointResponse | Promise<EndpointResponse>;
type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type EndpointMethods = Partial<Record<Method, EndpointHandler>>;

export const respondOk = (body: Json): EndpointResponse => ({ status: 200, body });
export const respondCreated = (body: Json): EndpointResponse => ({ status: 201, body });
export const respondNoContent = (): EndpointResponse => ({ status: 204 });

export interface AccessPolicy {
  /** The `Allow` header, where it differs from the methods that are mounted. */
  allow?: string;
  /** Returns the user whose request it is. Throws when the endpoint requires authentication and there is none. */
  identify(call: EndpointCall): UserRow | undefined;
  /** Throws when this user must not use this method here. */
  checkPermission?: ((call: EndpointCall, method: string) => void) | undefined;
  limiter?: RateLimiter | undefined;
}

/** What the ledger records of a request besides its answer. */
export interface LedgerRequestInfo {
  owner: Id | null;
  api: boolean;
}
export interface PlaneAppEnv {
  Variables: { noted: LedgerRequestInfo };
  Bindings: { incoming: IncomingMessage };
}
export type PlaneApp = Hono<PlaneAppEnv>;

/** The user who sent the request, on an endpoint whose policy requires one. */
export function getReader(call: EndpointCall): UserRow {
  if (!call.reader) throw createUnauthenticatedError();
  return call.reader;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const METHOD_ORDER: Method[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/**
 * Mounts one endpoint. It checks in the order of Django REST framework: authentication, permission, rate limit, method,
 * and then the handler's own checks.
 */
export function mountEndpoint(
  app: PlaneApp,
  world: PlaneWorld,
  policy: AccessPolicy,
  path: string,
  methods: EndpointMethods,
): void {
  const allow = policy.allow ?? METHOD_ORDER.filter((method) => methods[method]).join(", ");
  app.all(path, async (c) => {
    const params: Record<string, string> = c.req.param();
    for (const [name, value] of Object.entries(params))
      if (name.endsWith("Id") && !UUID.test(value)) return toResponse(toErrorResponse(createPageNotFoundError()), {});
    const headers: Record<string, string> = allow ? { allow } : {};
    const call = createCall(c, world, params);
    try {
      call.reader = policy.identify(call);
      if (call.reader) {
        call.formatTime = createTimeFormatter(call.reader.user_timezone);
        c.get("noted").owner = call.reader.id;
      }
      policy.checkPermission?.(call, c.req.method);
      const key = call.headers.get("x-api-key");
      if (policy.limiter && key) {
        const remaining = policy.limiter.spend(key);
        headers["x-ratelimit-remaining"] = String(remaining);
        headers["x-ratelimit-reset"] = String(Math.floor(world.clock() / 1000) + 60);
      }
      const method = METHOD_ORDER.find((name) => name === c.req.method);
      const handler = method && methods[method];
      if (!handler) throw new PlaneApiError(405, { detail: `Method "${c.req.method}" not allowed.` });
      return toResponse(await handler(call), headers);
    } catch (error) {
      return toResponse(toErrorResponse(error), headers);
    }
  });
}

function createCall(c: Context<PlaneAppEnv>, world: PlaneWorld, params: Record<string, string>): EndpointCall {
  return {
    world,
    params: Object.fromEntries(
      Object.entries(params).map(([name, value]) => [name, name.endsWith("Id") ? value.toLowerCase() : value]),
    ),
    query: new URL(c.req.url).searchParams,
    headers: c.req.raw.headers,
    reader: undefined,
    formatTime: formatUtc,
    json: async () => parseJsonBody(await c.req.text(), c.req.header("content-type") ?? ""),
    form: () => c.req.formData(),
  };
}

function parseJsonBody(text: string, type: string): JsonObject {
  if (text === "") return {};
  if (!type.startsWith("application/json"))
    throw new PlaneApiError(415, { detail: `Unsupported media type "${type}" in request.` });
  try {
    const value: Json = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    throw new PlaneApiError(400, { detail: `JSON parse error - ${formatJsonError(text)}` });
  }
  throw new PlaneApiError(400, { non_field_errors: ["Invalid data. Expected a dictionary, but got something else."] });
}

/** Python's error text for the most common forms of broken JSON. */
const formatJsonError = (text: string): string =>
  /^\{[^"}]/.test(text)
    ? "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    : "Expecting value: line 1 column 1 (char 0)";

function toErrorResponse(error: unknown): EndpointResponse {
  if (error instanceof RateLimitError)
    return { status: 429, body: error.body, headers: { "retry-after": String(error.retryAfter) } };
  if (error instanceof PlaneApiError) return { status: error.status, body: error.body };
  throw error;
}

function toResponse(response: EndpointResponse, headers: Record<string, string>): Response {
  const responseHeaders = new Headers({ ...headers, ...response.headers });
  for (const cookie of response.cookies ?? []) responseHeaders.append("set-cookie", cookie);
  if (response.body === undefined) {
    if (response.status === 302) responseHeaders.set("content-type", "text/html; charset=utf-8");
    return new Response(null, { status: response.status, headers: responseHeaders });
  }
  responseHeaders.set("content-type", "application/json");
  return new Response(JSON.stringify(response.body), { status: response.status, headers: responseHeaders });
}

import type { IncomingMessage } from "node:http";
import type { Context, Hono } from "hono";
import { type Limiter, RateLimited } from "./limits.ts";
import { pageNotFound, Refusal } from "./refusal.ts";
import type { Json, JsonObject, UserRow } from "./rows.ts";
import { type At, inUtc, inZone } from "./show.ts";
import type { Id } from "./types.ts";
import type { World } from "./world.ts";

/** One request on its way to its answer. */
export interface Call {
  world: World;
  /** From the path; ids are lower-case UUIDs. */
  params: Record<string, string>;
  query: URLSearchParams;
  headers: Headers;
  /** Whose request it is; undefined where nobody must say. */
  reader: UserRow | undefined;
  at: At;
  json(): Promise<JsonObject>;
  form(): Promise<FormData>;
}
export interface Answer {
  status: number;
  body?: Json;
  headers?: Record<string, string>;
  cookies?: string[];
}
export type Handler = (call: Call) => Answer | Promise<Answer>;
type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type Methods = Partial<Record<Method, Handler>>;

export const ok = (body: Json): Answer => ({ status: 200, body });
export const created = (body: Json): Answer => ({ status: 201, body });
export const empty = (): Answer => ({ status: 204 });

export interface Door {
  /** What `Allow` says, where it is not just the methods there are. */
  allow?: string;
  /** Who asks; throws when nobody may be nobody here. */
  identify(call: Call): UserRow | undefined;
  /** Throws when this reader may not do this here. */
  permit?: ((call: Call, method: string) => void) | undefined;
  limiter?: Limiter | undefined;
}

/** What the server knows of a request beside its answer. */
export interface Noted {
  owner: Id | null;
  api: boolean;
}
export interface Env {
  Variables: { noted: Noted };
  Bindings: { incoming: IncomingMessage };
}
export type Site = Hono<Env>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const ORDER: Method[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** Mounts one address the way Django REST framework serves one: who, may they, how often, which method, and then what. */
export function endpoint(app: Site, world: World, door: Door, path: string, methods: Methods): void {
  const allow = door.allow ?? ORDER.filter((method) => methods[method]).join(", ");
  app.all(path, async (c) => {
    const params: Record<string, string> = c.req.param();
    for (const [name, value] of Object.entries(params))
      if (name.endsWith("Id") && !UUID.test(value)) return render(refused(pageNotFound()), {});
    const headers: Record<string, string> = allow ? { allow } : {};
    const call = readCall(c, world, params);
    try {
      call.reader = door.identify(call);
      if (call.reader) {
        call.at = inZone(call.reader.user_timezone);
        c.get("noted").owner = call.reader.id;
      }
      door.permit?.(call, c.req.method);
      const key = call.headers.get("x-api-key");
      if (door.limiter && key) {
        const left = door.limiter.spend(key);
        headers["x-ratelimit-remaining"] = String(left);
        headers["x-ratelimit-reset"] = String(Math.floor(world.clock() / 1000) + 60);
      }
      const method = ORDER.find((each) => each === c.req.method);
      const handler = method && methods[method];
      if (!handler) throw new Refusal(405, { detail: `Method "${c.req.method}" not allowed.` });
      return render(await handler(call), headers);
    } catch (error) {
      return render(refused(error), headers);
    }
  });
}

function readCall(c: Context<Env>, world: World, params: Record<string, string>): Call {
  return {
    world,
    params: Object.fromEntries(
      Object.entries(params).map(([name, value]) => [name, name.endsWith("Id") ? value.toLowerCase() : value]),
    ),
    query: new URL(c.req.url).searchParams,
    headers: c.req.raw.headers,
    reader: undefined,
    at: inUtc,
    json: async () => readJson(await c.req.text(), c.req.header("content-type") ?? ""),
    form: () => c.req.formData(),
  };
}

function readJson(text: string, type: string): JsonObject {
  if (text === "") return {};
  if (!type.startsWith("application/json"))
    throw new Refusal(415, { detail: `Unsupported media type "${type}" in request.` });
  try {
    const value: Json = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    throw new Refusal(400, { detail: `JSON parse error - ${complaint(text)}` });
  }
  throw new Refusal(400, { non_field_errors: ["Invalid data. Expected a dictionary, but got something else."] });
}

/** Python's words for the commonest broken JSON. */
const complaint = (text: string): string =>
  /^\{[^"}]/.test(text)
    ? "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    : "Expecting value: line 1 column 1 (char 0)";

function refused(error: unknown): Answer {
  if (error instanceof RateLimited)
    return { status: 429, body: error.body, headers: { "retry-after": String(error.retryAfter) } };
  if (error instanceof Refusal) return { status: error.status, body: error.body };
  throw error;
}

function render(answer: Answer, headers: Record<string, string>): Response {
  const all = new Headers({ ...headers, ...answer.headers });
  for (const cookie of answer.cookies ?? []) all.append("set-cookie", cookie);
  if (answer.body === undefined) {
    if (answer.status === 302) all.set("content-type", "text/html; charset=utf-8");
    return new Response(null, { status: answer.status, headers: all });
  }
  all.set("content-type", "application/json");
  return new Response(JSON.stringify(answer.body), { status: answer.status, headers: all });
}

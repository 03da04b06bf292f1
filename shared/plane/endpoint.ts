/**
 * What a call of Plane's API is: an endpoint with its path and the schema of its answer, the options of a call, and
 * the client that handlers receive. Also the schemas and the form of times that all endpoints share.
 */

import { type ZodType, z } from "zod";
import { MINUTE, type Ms } from "../time.ts";

/** One call of Plane's API: its route and the schema of its answer. */
export interface Endpoint<A> {
  /** The name of the call in metrics and errors, for example `work_items_list`. */
  operation: string;
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** The route pattern; `:workspace` is filled in by the client, every other `:name` from `params`. */
  path: string;
  answer: ZodType<A>;
}

/**
 * The `external_source` of everything that Groundcrew writes to Plane; such comments cause no events (observation rule
 * 8).
 */
export const GROUNDCREW_SOURCE = "groundcrew";

/** Creates the function that declares an endpoint of one method: `get("users_me", "/api/v1/users/me/", userSchema)`. */
const createMethod =
  (method: Endpoint<unknown>["method"]) =>
  <A>(operation: string, path: string, answer: ZodType<A>): Endpoint<A> => ({ operation, method, path, answer });

export const get = createMethod("GET");
export const post = createMethod("POST");
export const patch = createMethod("PATCH");
export const remove = createMethod("DELETE");

export interface PlaneCallOptions {
  params?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  json?: Record<string, unknown>;
  /**
   * Interactive calls leave a small part of the quota to what people ask for, background calls a larger part to both,
   * and they wait when their part is used up. Spare calls give way to all, are spread over the minute, and do not wait
   * by default. Default: background.
   */
  priority?: CallPriority;
  /** Total time that these calls may wait for the quota. Each wait is subtracted from `left`. */
  waitBudget?: { left: Ms };
  /** Sends the request once only; a failure is not repeated. */
  retries?: false;
  /** Runs right before each attempt to send the request. An error that it throws ends the call. */
  beforeSend?: () => Promise<void>;
}

export interface PlaneAnswer<A> {
  data: A;
  /** Plane's clock at the time of the answer: its `Date` header as ISO 8601 (whole seconds). */
  date: string;
}

export interface PlanePage<R> {
  results: R[];
  total_count: number;
  next_cursor: string;
  next_page_results: boolean;
}

export interface PlaneCapabilities {
  version: string;
  /** False on v1.2.x, whose API has no relations. */
  relations: boolean;
}

/**
 * A thin client of Plane's public API. Each call is one request with a quota, a timeout of 30 s and retries. It throws
 * a `PlaneError` (see errors.ts), with one class for each way to handle it.
 */
export interface PlaneClient {
  call<A>(endpoint: Endpoint<A>, options?: PlaneCallOptions): Promise<PlaneAnswer<A>>;
  /** The pages of a list. Each page is requested only when the iteration reaches it. */
  pages<R>(endpoint: Endpoint<PlanePage<R>>, options?: PlaneCallOptions): AsyncIterable<PlaneAnswer<PlanePage<R>>>;
  /** What the server supports; cached for a day. */
  capabilities(): Promise<PlaneCapabilities>;
}

/** The client, with the options of each call changed. */
export function withCallOptions(
  plane: PlaneClient,
  change: (options: PlaneCallOptions, operation: string) => PlaneCallOptions,
): PlaneClient {
  return {
    call: (endpoint, options = {}) => plane.call(endpoint, change(options, endpoint.operation)),
    pages: (endpoint, options = {}) => plane.pages(endpoint, change(options, endpoint.operation)),
    capabilities: () => plane.capabilities(),
  };
}

/** All rows of a list. `date`: Plane's time of the first answer, `YYYY-MM-DDTHH:MM:SS.000000Z`. */
export interface PlaneList<R> {
  rows: R[];
  date: string;
}

export type CallPriority = "people" | "interactive" | "background" | "spare";

/** Plane's ids are UUIDs of any version and variant. */
export const planeIdSchema = z.guid();

/**
 * A secret that Plane generated: printable ASCII without spaces, as in an HTTP header. With line breaks it could add
 * lines to an environment file.
 */
export const planeSecretSchema = z.string().regex(/^[\x21-\x7e]{0,1000}$/, "expected printable ASCII without spaces");

/** A day, `YYYY-MM-DD`. */
export const planeDaySchema = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, "expected YYYY-MM-DD");

/** The answer of a create of which only the id is read. */
export const createdSchema = z.object({ id: planeIdSchema });

/** The empty answer of a call (204). */
export const noContentSchema = z.undefined();

/** The answer of a call that redirects (302): the target of the redirect. */
export const redirectSchema = z.object({ location: z.string().min(1) });

const PLANE_TIME = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?(?:Z|([+-])(\d{2}):?(\d{2}))$/;

/**
 * A time in an answer of Plane, normalized to `YYYY-MM-DDTHH:MM:SS.ffffffZ`, so that times sort as strings. Plane
 * prints microseconds, omits them when they are zero, and uses the time zone of the key's owner.
 */
export const planeTimeSchema = z.string().transform((text, context) => {
  const time = parseTime(text);
  if (time !== undefined) return time;
  context.addIssue({ code: "custom", message: "expected a time as Plane prints it" });
  return z.NEVER;
});

/** One page of a list, with the cursor of the next one. */
export function createPageSchema<R>(row: z.ZodType<R>): z.ZodType<PlanePage<R>> {
  return z.object({
    results: z.array(row),
    total_count: z.int().nonnegative(),
    next_cursor: z.string(),
    next_page_results: z.boolean(),
  });
}

/** Reads a whole list, for lists that fit into memory. `afterPage` runs after each page. */
export async function readList<R>(
  plane: Pick<PlaneClient, "pages">,
  endpoint: Endpoint<PlanePage<R>>,
  options: PlaneCallOptions = {},
  afterPage?: () => void,
): Promise<PlaneList<R>> {
  const list: PlaneList<R> = { rows: [], date: "" };
  for await (const { data, date } of plane.pages(endpoint, options)) {
    list.rows.push(...data.results);
    list.date ||= toPlaneTime(date);
    afterPage?.();
  }
  return list;
}

/**
 * Fills a route pattern: each `:name` becomes `params.name`, encoded as one segment.
 * Throws a RangeError for a missing parameter and for a value that would lead to another route.
 */
export function fillRoute(pattern: string, params: Record<string, string>): string {
  return pattern.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined || value === "" || value === "." || value === "..")
      throw new RangeError(`Cannot fill the route ${pattern}: the parameter :${name} is missing or invalid`);
    return encodeURIComponent(value);
  });
}

/**
 * Plane's address without trailing slashes. Throws a RangeError for an invalid address, without repeating it, because
 * it may contain a password.
 */
export function normalizeBaseUrl(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new RangeError("Plane's address must be an http or https URL without a user, a query or a fragment");
  return url.href.replace(/\/+$/, "");
}

/** Whether the route requires the API key and counts against its quota; all others are public. */
export function requiresApiKey({ path }: { path: string }): boolean {
  return path.startsWith("/api/v1/");
}

function parseTime(text: string): string | undefined {
  const [, day, clock, fraction = "", sign, hours, minutes] = PLANE_TIME.exec(text) ?? [];
  const local = Date.parse(`${day}T${clock}Z`);
  if (Number.isNaN(local)) return undefined;
  const offset = sign === undefined ? 0 : (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -MINUTE : MINUTE);
  return `${new Date(local - offset).toISOString().slice(0, 19)}.${fraction.padEnd(6, "0")}Z`;
}

/** Converts Plane's `Date` header to the format of Plane's other times, so that they compare as strings. */
export function toPlaneTime(date: string): string {
  return `${date.slice(0, 19)}.000000Z`;
}

/** Adds `ms` milliseconds to a time of Plane; its microseconds stay. */
export function shiftPlaneTime(time: string, ms: number): string {
  const micros = time.slice(23, 26);
  return `${new Date(Date.parse(`${time.slice(0, 23)}Z`) + ms).toISOString().slice(0, 23)}${micros}Z`;
}

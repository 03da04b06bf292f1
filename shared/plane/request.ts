/**
 * One HTTP request to Plane and what came back: the body is limited and checked against the endpoint's schema, and a
 * refusal becomes an error that says what to do, with the wait that Plane requires.
 */

import { createFetch } from "ofetch";
import type { z } from "zod";
import { findErrorCode, formatSchemaIssues } from "../errors.ts";
import type { Metrics } from "../metrics.ts";
import { MAX_PAUSE_MS } from "../store/records.ts";
import { tryParseJson } from "../text.ts";
import { MINUTE, type Ms } from "../time.ts";
import { type Endpoint, type PlaneAnswer, planeIdSchema } from "./endpoint.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  type PlaneError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneRateLimitedError,
  PlaneUnavailableError,
  PlaneUnexpectedError,
} from "./errors.ts";

interface PlaneRequest {
  operation: string;
  method: string;
  /** The route pattern, for the metrics. */
  route: string;
  url: string;
  headers?: Record<string, string>;
  query?: Record<string, string | number | undefined> | undefined;
  /** An object is sent as JSON, a string unchanged. */
  body?: Record<string, unknown> | string | URLSearchParams | FormData | ReadableStream<Uint8Array> | undefined;
  /** Ends the request, in place of the default timeout. */
  signal?: AbortSignal;
}

/** A complete answer, not parsed yet. */
interface PlaneReply {
  status: number;
  headers: Headers;
  body: string;
  /** When Plane answered, ISO 8601: its `Date` header, or the time of receipt without one (RFC 9110, 6.6.1). */
  date: string;
}

export interface PlaneRequestOptions {
  fetch: typeof fetch;
  metrics: Metrics;
  clock: () => number;
  /** Timeout for the answer including its body, in milliseconds. Default 30,000. */
  timeout?: number;
  /** Limit of the answer's size in bytes. Default 64 MiB, where a full page of 1,000 work items has a few. */
  answerLimit?: number;
}

/** Wait after a 429 without a `Retry-After`: one minute, the window of Plane's rate limit. */
const DEFAULT_RETRY_MS = MINUTE;

/** The three forms of an HTTP date (RFC 9110, 5.6.7), which all mean UTC. The last one does not say so. */
const DATE_WITH_ZONE = /^[A-Z][a-z]+, .* GMT$/;

const DATE_WITHOUT_ZONE = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/;

/**
 * Creates the function that sends one request to Plane, without retries and without following redirects.
 * It throws PlaneUnavailableError when no complete answer arrived, PlaneUnexpectedError when it was too large.
 */
export function createRequestSender(options: PlaneRequestOptions): (request: PlaneRequest) => Promise<PlaneReply> {
  const { metrics, clock, timeout = 30_000, answerLimit = 64 * 2 ** 20 } = options;
  const $fetch = createFetch({ fetch: options.fetch });

  async function send(request: PlaneRequest): Promise<PlaneReply> {
    const signal = request.signal ?? AbortSignal.timeout(timeout);
    try {
      const response = await $fetch.raw(request.url, {
        method: request.method,
        headers: { accept: "application/json", "user-agent": "groundcrew", ...request.headers },
        query: request.query ?? {},
        body: request.body,
        redirect: "manual",
        responseType: "stream",
        retry: false,
        ignoreResponseError: true,
        signal,
      });
      const body = await readText(response.body, answerLimit);
      if (body === undefined) {
        const context = { operation: request.operation, status: response.status };
        const problem = `is larger than ${answerLimit} bytes; request smaller pages.`;
        throw new PlaneUnexpectedError(context, `Plane's answer to ${request.operation} ${problem}`);
      }
      const { status, headers } = response;
      const date = Date.parse(headers.get("date") ?? "");
      return { status, headers, body, date: new Date(Number.isNaN(date) ? clock() : date).toISOString() };
    } catch (thrown) {
      if (thrown instanceof PlaneUnexpectedError) throw thrown;
      const timeoutReason = request.signal
        ? "no data was transferred for too long"
        : `no complete answer within ${timeout / 1000} s`;
      // Only the code of the network error, because the messages may contain the address or a header.
      const reason = signal.aborted ? timeoutReason : (findErrorCode(thrown) ?? "the connection failed");
      const { operation } = request;
      throw new PlaneUnavailableError({ operation }, `Plane could not be reached for ${operation}: ${reason}.`);
    }
  }

  return async (request) => {
    const startedAt = clock();
    let status = "none";
    try {
      const reply = await send(request);
      status = String(reply.status);
      return reply;
    } finally {
      const labels = { method: request.method, endpoint: request.route };
      metrics.observe("plane_api_request_duration_seconds", (clock() - startedAt) / 1000, labels);
      metrics.count("plane_api_calls_total", { operation: request.operation, status });
    }
  };
}

async function readText(body: ReadableStream<Uint8Array> | null, limit: number): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > limit) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/**
 * Parses a reply with the endpoint's schema. The schema receives the JSON of the body, undefined for an empty body, and
 * `{ location }` for a redirect. Throws a PlaneError for an error status and for an answer that the schema refuses.
 */
export function parseReply<A>(endpoint: Pick<Endpoint<A>, "operation" | "answer">, reply: PlaneReply): PlaneAnswer<A> {
  const { operation, answer } = endpoint;
  if (reply.status >= 400) throw toPlaneError(operation, reply);
  const parsed = answer.safeParse(parseBody(operation, reply));
  if (!parsed.success) throw createMismatchError(operation, reply, parsed.error);
  return { data: parsed.data, date: reply.date };
}

function parseBody(operation: string, reply: PlaneReply): unknown {
  if (isRedirect(reply)) return { location: reply.headers.get("location") ?? "" };
  if (reply.body === "") return undefined;
  const body = tryParseJson(reply.body);
  if (body !== undefined) return body;
  const { status } = reply;
  const problem = /^\s*</.test(reply.body) ? "a page instead of JSON" : "JSON that is broken or truncated";
  const advice = "if this persists, check that its address is correct.";
  throw new PlaneUnavailableError(
    { operation, status },
    `Plane answered ${operation} with ${problem} (${status}); ${advice}`,
  );
}

function isRedirect(reply: PlaneReply): boolean {
  return reply.status >= 300 && reply.status < 400;
}

function createMismatchError(operation: string, reply: PlaneReply, error: z.ZodError): PlaneError {
  const { status } = reply;
  const context = { operation, status };
  if (isRedirect(reply)) {
    // The path and the query may contain a signature.
    const origin = URL.parse(reply.headers.get("location") ?? "")?.origin ?? "another path";
    const problem = `Plane redirects ${operation} to ${origin} (${status})`;
    return new PlaneUnexpectedError(context, `${problem}; set its address to the final one.`);
  }
  if (reply.body === "" && status !== 204)
    return new PlaneUnavailableError(context, `Plane answered ${operation} with an empty body (${status}).`);
  const problem = `Plane's answer to ${operation} has an unknown form (${formatSchemaIssues(error, "the answer")})`;
  return new PlaneUnexpectedError(context, `${problem}; this version of Plane may not be supported.`);
}

/** Converts an answer with a status of 400 or more to an error. */
export function toPlaneError(operation: string, reply: PlaneReply): PlaneError {
  const { status } = reply;
  const errorBody = parseErrorBody(reply.body);
  const detail = errorBody?.text || undefined;
  const context = { operation, status, detail };
  const summary = detail === undefined ? `${status}` : `${status}: ${detail}`;
  const call = `${operation} (${summary})`;
  const retryAfter = parseRetryAfter(reply.headers.get("retry-after"), reply.date);

  if (status === 429) {
    const wait = retryAfter ?? DEFAULT_RETRY_MS;
    const problem = `Plane's rate limit is reached (${operation}, ${summary}); it asks to wait`;
    return new PlaneRateLimitedError({ ...context, retryAfter: wait }, `${problem} ${Math.ceil(wait / 1000)} s.`);
  }
  if (status >= 500 || status === 408 || status === 425)
    return new PlaneUnavailableError({ ...context, retryAfter }, `Plane could not answer ${call}.`);
  if (status === 401 || status === 403) {
    const reason = status === 401 || /api token is not valid/i.test(summary) ? "key" : "permission";
    const problem = {
      key: `Plane refused the authentication of ${call}: the API key or the session is not valid.`,
      permission: `Plane does not allow ${call}: check the workspace's name and the role of the account.`,
    };
    return new PlaneAuthError({ ...context, reason }, problem[reason]);
  }
  // A proxy answers 404 in another format when Plane is down. That does not mean that the object is deleted.
  if (status === 404 && !errorBody) {
    const problem = `A proxy in front of Plane answered ${operation} (404, not in Plane's format)`;
    const advice = "check that Plane is running and its address is correct.";
    return new PlaneUnavailableError(context, `${problem}; ${advice}`);
  }
  if (status === 404 || status === 410) {
    const noRoute = detail === "Page not found.";
    const problem = noRoute ? "This version of Plane has no route for" : "Plane did not find the object of";
    return new PlaneNotFoundError({ ...context, noRoute }, `${problem} ${call}.`);
  }
  if (!errorBody) {
    const advice = "check its address and any proxy in front of it.";
    return new PlaneUnexpectedError(
      context,
      `Plane refused ${operation} (${status}) without a reason in JSON; ${advice}`,
    );
  }
  const { id, fields } = errorBody;
  if (status === 409)
    return new PlaneConflictError(
      { ...context, id },
      `Plane already has the object that ${operation} would create (${summary}).`,
    );
  return new PlaneInvalidError({ ...context, fields }, `Plane refused ${call}.`);
}

/**
 * Parses the body of an error; `text` is for people, on one line, at most 300 characters. Undefined when it is not a
 * JSON object and therefore not from Plane.
 */
function parseErrorBody(body: string) {
  const value = tryParseJson(body);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const general: string[] = [];
  const fields: [string, string[]][] = [];
  for (const [key, content] of Object.entries(value)) {
    const texts = collectTexts(content);
    if (["error", "detail", "error_message", "message"].includes(key)) general.push(...texts);
    else if (key !== "id" && texts.length > 0) fields.push([key, texts]);
  }
  const text = [...general, ...fields.map(([field, texts]) => `${field}: ${texts.join(" ")}`)].join("; ");
  return {
    text: text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").slice(0, 300),
    fields: Object.fromEntries(fields),
    id: "id" in value ? planeIdSchema.safeParse(value.id).data : undefined,
  };
}

function collectTexts(content: unknown): string[] {
  if (typeof content === "string") return [content];
  if (typeof content === "object" && content !== null) return Object.values(content).flatMap(collectTexts);
  return [];
}

/**
 * Parses a `Retry-After` header: whole seconds or an HTTP date, which is compared with Plane's own clock. Returns
 * milliseconds from 0 to Plane's limit of a pause; undefined for everything else.
 * @param date when Plane answered, ISO 8601
 */
export function parseRetryAfter(header: string | null, date: string): Ms | undefined {
  const wait = parseWait(header?.trim() ?? "", date);
  return Number.isNaN(wait) ? undefined : Math.min(MAX_PAUSE_MS.plane, Math.max(0, wait));
}

function parseWait(text: string, date: string): Ms {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  if (DATE_WITH_ZONE.test(text)) return Date.parse(text) - Date.parse(date);
  return DATE_WITHOUT_ZONE.test(text) ? Date.parse(`${text} GMT`) - Date.parse(date) : Number.NaN;
}

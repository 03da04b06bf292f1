import { createFetch } from "ofetch";
import type { Metrics } from "../metrics.ts";
import { PlaneUnavailableError, PlaneUnexpectedError } from "./errors.ts";

export interface PlaneRequest {
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
export interface PlaneReply {
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
      if (body === undefined) throw createTooLargeError(request, response.status, answerLimit);
      return { status: response.status, headers: response.headers, body, date: readReplyDate(response.headers, clock) };
    } catch (thrown) {
      if (thrown instanceof PlaneUnexpectedError) throw thrown;
      const timeoutReason = request.signal
        ? "no data was transferred for too long"
        : `no complete answer within ${timeout / 1000} s`;
      const reason = signal.aborted ? timeoutReason : describeNetworkError(thrown);
      throw new PlaneUnavailableError(request, `Plane could not be reached for ${request.operation}: ${reason}.`);
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

function createTooLargeError(request: PlaneRequest, status: number, limit: number) {
  const context = { operation: request.operation, status };
  return new PlaneUnexpectedError(
    context,
    `Plane's answer to ${request.operation} is larger than ${limit} bytes; request smaller pages.`,
  );
}

function readReplyDate(headers: Headers, clock: () => number): string {
  const date = Date.parse(headers.get("date") ?? "");
  return new Date(Number.isNaN(date) ? clock() : date).toISOString();
}

/** Returns only the code of the network error, because the messages may contain the address or a header. */
function describeNetworkError(thrown: unknown): string {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    if ("code" in error && typeof error.code === "string") return error.code;
  }
  return "the connection failed";
}

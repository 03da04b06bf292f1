/**
 * Node's HTTP server for the application: slow senders, idle connections and too many of them are ended in time, so
 * that one client cannot use up what all need.
 */

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import type { Context } from "hono";
import { getErrorMessage } from "../../shared/errors.ts";
import { RESPONSE_HEADERS } from "../../shared/http/http-app.ts";
import { BreakConnection, type HostBindings, isWebhookPath } from "../../shared/http/request.ts";
import type { IpRange } from "../../shared/ip-address.ts";
import type { Log, LogFields } from "../../shared/log.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { createRequestQueues, createSourceLimits, trackConnections } from "./connections.ts";

interface HttpServerHandle {
  /** The server's URL; where port 0 was requested, with the port that the system chose. */
  url: string;
  /** Takes no new requests; resolves when open ones are answered, or after `limit`, when their connections are closed. */
  stop(limit: Ms): Promise<void>;
}

interface ServeHttpOptions {
  app: { fetch(request: Request, env: unknown): Response | Promise<Response> };
  host: string;
  port: number;
  /** Setting that the port comes from, for the message when it cannot be used. Default: PORT. */
  portName?: "PORT" | "METRICS_PORT";
  log: Log;
  /** Paths whose requests may take ten minutes to arrive. */
  streamPaths?: readonly string[];
  /** Timeout for receiving any other request. Default 20 s. */
  requestTimeout?: Ms;
  /** Limit of open connections; at the limit, idle ones are closed for new ones. Default: none. */
  maxConnections?: number;
  /**
   * Limit of open connections from one address, and of requests that trusted proxies forward for one address at once.
   * At the limit, idle ones of this address are closed for new ones, and forwarded requests are refused. Default: none.
   */
  maxPerSource?: number;
  /** The proxies whose X-Forwarded-For counts, and whose own connections are not limited. Default: none. */
  getTrustedProxies?: () => readonly IpRange[];
  /** Timeout for a client that takes nothing of its answer. Default 60 s. */
  sendTimeout?: Ms;
}

/** Timeout for receiving a request: 20 s, which bounds what slow senders occupy. Plane and proxies send at once. */
const REQUEST_TIMEOUT_MS: Ms = 20_000;

/** Timeout for receiving a streamed request: 10.5 min, slightly longer than the timeout of an upload. */
const STREAM_TIMEOUT_MS: Ms = 630_000;

/**
 * Timeout for sending: 60 s in which the client's system takes no byte of an answer that waits for it. A slow reader
 * takes some in much less, and a mobile phone's connection seldom pauses for longer.
 */
const SEND_TIMEOUT_MS: Ms = 60_000;

/**
 * Limit of requests that wait on a connection for the answers before them: 32. Browsers, proxies and Plane send the
 * next request after the answer.
 */
const MAX_WAITING_REQUESTS = 32;

/** Interval between log lines about a limit: 1 min, because a flood reaches it at every connection. */
const LIMIT_LOG_MS: Ms = MINUTE;

const compressInPool = promisify<Uint8Array<ArrayBuffer>, Buffer<ArrayBuffer>>(gzip);

/** Serves an app over HTTP. The connection is broken when the app throws `BreakConnection`. Rejects when it cannot listen. */
export async function serveHttp({
  app,
  host,
  port,
  portName = "PORT",
  log,
  streamPaths = [],
  requestTimeout = REQUEST_TIMEOUT_MS,
  maxConnections = Number.POSITIVE_INFINITY,
  maxPerSource = Number.POSITIVE_INFINITY,
  getTrustedProxies = () => [],
  sendTimeout = SEND_TIMEOUT_MS,
}: ServeHttpOptions): Promise<HttpServerHandle> {
  const reportLimit = createLimitReporter(log);
  const sources = createSourceLimits({
    maxForwarded: maxPerSource,
    getTrustedProxies,
    onLimit: (address) => reportLimit("request limit of an address reached", { address, limit: maxPerSource }),
  });
  const listener = getRequestListener(
    (request, env) => {
      const { incoming, outgoing } = env as HttpBindings;
      // Browsers and caches do not request webhooks, and these two headers would take 5 % of a webhook's time.
      if (!isWebhookPath(incoming.url ?? ""))
        for (const [name, value] of RESPONSE_HEADERS) outgoing.setHeader(name, value);
      const breakConnection = (thrown: unknown): never => {
        if (!(thrown instanceof BreakConnection))
          log.error("request failed, connection broken", { error: getErrorMessage(thrown) });
        incoming.socket.destroy();
        throw thrown;
      };
      if (!sources.admitRequest(incoming, outgoing)) {
        // Plane would take a refusal for an acknowledgement.
        if (isWebhookPath(incoming.url ?? "")) return breakConnection(new BreakConnection("Too many requests at once"));
        const message = "Too many requests from this address are in progress. Repeat it in a second.";
        return createErrorResponse(429, "rate_limited", message, { "Retry-After": "1" });
      }
      try {
        const response = app.fetch(request, new NodeBindings(incoming, outgoing));
        return response instanceof Promise ? response.catch(breakConnection) : response;
      } catch (thrown) {
        return breakConnection(thrown);
      }
    },
    {
      errorHandler: (thrown) =>
        thrown instanceof RequestError
          ? createErrorResponse(400, "bad_request", "The URL or the Host header is malformed.")
          : undefined,
    },
  );
  const serverOptions = {
    headersTimeout: Math.min(10_000, requestTimeout),
    requestTimeout,
    connectionsCheckingInterval: Math.min(1_000, requestTimeout / 4),
    // This must exceed the keep-alive timeout of proxies (Caddy: 2 min); otherwise a proxy may send a webhook on a
    // connection that was just closed.
    keepAliveTimeout: 150_000,
  };
  const server = createServer(serverOptions);
  const isStream = createPathMatcher(streamPaths);
  const slowRequests = createSlowRequestLimits(isStream, STREAM_TIMEOUT_MS - requestTimeout);
  const { trackRequest, isInUse, close } = trackConnections(server, {
    maxConnections,
    maxPerSource,
    findSource: sources.findSource,
    isStream,
    onLimit({ remoteAddress }, limit) {
      if (limit === maxConnections) reportLimit("connection limit reached", { limit });
      else reportLimit("connection limit of an address reached", { address: remoteAddress, limit });
    },
  });
  const queueRequest = createRequestQueues({
    handle: (incoming, outgoing) => void listener(incoming, outgoing),
    maxWaiting: MAX_WAITING_REQUESTS,
    onLimit: ({ remoteAddress }) =>
      reportLimit("too many requests at once on a connection", { address: remoteAddress, limit: MAX_WAITING_REQUESTS }),
  });
  server.on("request", (incoming, outgoing) => {
    // Bytes of a connection that was closed can still become a request.
    if (incoming.socket.destroyed) return;
    trackRequest(incoming, outgoing);
    slowRequests.trackRequest(incoming);
    queueRequest(incoming, outgoing);
  });
  // Node calls this when a connection was idle for the timeout; a client that takes a part of its answer is not idle.
  server.setTimeout(sendTimeout, (socket) => {
    if (socket.writableLength > 0 || !isInUse(socket)) socket.destroy();
  });
  server.on(
    "clientError",
    (error, socket) => slowRequests.extendTimeout(error, socket) || refuseConnection(error, socket),
  );
  await startListening(server, host, port, portName);
  return { url: getServerUrl(server), stop: close };
}

/** Creates the function that logs that a limit was reached, once a minute at most for each message. */
function createLimitReporter(log: Log): (message: string, fields: LogFields) => void {
  const loggedAt = new Map<string, Ms>();
  return (message, fields) => {
    const now = performance.now();
    if (now - (loggedAt.get(message) ?? Number.NEGATIVE_INFINITY) < LIMIT_LOG_MS) return;
    loggedAt.set(message, now);
    log.warn(message, fields);
  };
}

function createErrorResponse(status: number, code: string, message: string, headers = {}): Response {
  return Response.json({ error: { code, message } }, { status, headers });
}

/**
 * What a handler gets along with a request. Its method spares each request a closure that is assigned to a property,
 * which V8 allocates in the old generation, where it keeps the request in memory until a full garbage collection.
 */
class NodeBindings implements HostBindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: HttpBindings["outgoing"];

  constructor(incoming: IncomingMessage, outgoing: HttpBindings["outgoing"]) {
    this.incoming = incoming;
    this.outgoing = outgoing;
  }

  readWholeBody(): Promise<Uint8Array<ArrayBuffer>> {
    return readRequestBody(this.incoming);
  }

  gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    return compressInPool(bytes);
  }
}

/**
 * Reads the whole body of a request. Most bodies arrive in one chunk, which is returned without copying. Call it only
 * for an announced length within a limit; Node reads no more than was announced. Rejects with `BreakConnection` when
 * the sender disconnects.
 */
function readRequestBody(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const rejectBroken = (cause?: unknown) => reject(new BreakConnection("The sender disconnected", { cause }));
    if (incoming.destroyed) {
      rejectBroken();
      return;
    }
    const chunks: Buffer<ArrayBuffer>[] = [];
    incoming.on("data", (chunk: Buffer<ArrayBuffer>) => chunks.push(chunk));
    incoming.on("end", () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    incoming.on("error", rejectBroken);
  });
}

/** Creates a check of whether a request is to one of the paths, with or without a query. */
function createPathMatcher(paths: readonly string[]) {
  const [exactPaths, pathsWithQuery] = [new Set(paths), paths.map((path) => `${path}?`)];
  return ({ url = "" }: IncomingMessage): boolean =>
    exactPaths.has(url) || pathsWithQuery.some((path) => url.startsWith(path));
}

/**
 * Node has one request timeout per server and reports a request over it once. Requests to stream paths then get their
 * remaining time from a timer here, so that other requests need no timer.
 */
function createSlowRequestLimits(isStream: (incoming: IncomingMessage) => boolean, remainingTime: Ms) {
  const openRequests = new WeakMap<Duplex, IncomingMessage>();
  return {
    trackRequest(incoming: IncomingMessage) {
      if (isStream(incoming)) openRequests.set(incoming.socket, incoming);
    },
    /** Extends the timeout of a streamed request; false for any other error and any other request. */
    extendTimeout({ code }: NodeJS.ErrnoException, socket: Duplex): boolean {
      const incoming = openRequests.get(socket);
      if (code !== "ERR_HTTP_REQUEST_TIMEOUT" || !incoming || incoming.complete) return false;
      const timer = setTimeout(() => incoming.complete || socket.destroy(), remainingTime);
      timer.unref();
      incoming.once("close", () => clearTimeout(timer));
      return true;
    },
  };
}

/** Responds to bytes that are not an HTTP request, as Node would; a request that timed out gets no response. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Duplex) {
  if (!socket.writable || error.code === "ECONNRESET" || error.code === "ERR_HTTP_REQUEST_TIMEOUT") {
    socket.destroy();
    return;
  }
  const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  const body = JSON.stringify({ error: { code: "bad_request", message: "Malformed HTTP request." } });
  const head = [`HTTP/1.1 ${status}`, "Content-Type: application/json", `Content-Length: ${body.length}`];
  socket.end([...head, "Connection: close", "", body].join("\r\n"));
}

function startListening(server: Server, host: string, port: number, portName: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === "EADDRINUSE" ? "the port is in use by another program" : cause.message;
      reject(new Error(`Cannot listen on ${host}:${port}: ${reason}. Change HOST or ${portName}.`, { cause }));
    });
    server.listen(port, host, resolve);
  });
}

function getServerUrl(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

/** The remote address of a request's connection. */
export function getRemoteAddress(c: Context): string {
  const { incoming } = c.env as { incoming: IncomingMessage };
  return incoming.socket.remoteAddress ?? "";
}

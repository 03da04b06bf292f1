import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import type { Context } from "hono";
import { getErrorMessage } from "../../shared/errors.ts";
import { BreakConnection } from "../../shared/http/context.ts";
import { RESPONSE_HEADERS } from "../../shared/http/http-app.ts";
import { isWebhookPath } from "../../shared/http/request-path.ts";
import type { Log } from "../../shared/log.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { readRequestBody } from "./read-body.ts";
import { trackConnections } from "./track-connections.ts";

export interface HttpServerHandle {
  /** The server's URL; where port 0 was requested, with the port that the system chose. */
  url: string;
  /** Takes no new requests; resolves when open ones are answered, or after `limit`, when their connections are closed. */
  stop(limit: Ms): Promise<void>;
}

interface ServeHttpOptions {
  app: { fetch(request: Request, env: unknown): Response | Promise<Response> };
  host: string;
  port: number;
  log: Log;
  /** Paths whose requests may take ten minutes to arrive. */
  streamPaths?: readonly string[];
  /** Timeout for receiving any other request. Default 20 s. */
  requestTimeout?: Ms;
  /** Limit of open connections; at the limit, idle ones are closed for new ones. Default: none. */
  maxConnections?: number;
}

/** Timeout for receiving a request: 20 s, which bounds what slow senders occupy. Plane and proxies send at once. */
const REQUEST_TIMEOUT_MS: Ms = 20_000;
/** Timeout for receiving a streamed request: 10.5 min, slightly longer than the timeout of an upload. */
const STREAM_TIMEOUT_MS: Ms = 630_000;

/** Interval between log lines about the limit of connections: 1 min, because a flood reaches it at every connection. */
const LIMIT_LOG_MS: Ms = MINUTE;

/** Serves an app over HTTP. The connection is broken when the app throws `BreakConnection`. Rejects when it cannot listen. */
export async function serveHttp({
  app,
  host,
  port,
  log,
  streamPaths = [],
  requestTimeout = REQUEST_TIMEOUT_MS,
  maxConnections = Number.POSITIVE_INFINITY,
}: ServeHttpOptions): Promise<HttpServerHandle> {
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
      try {
        const response = app.fetch(request, { incoming, outgoing, readWholeBody: () => readRequestBody(incoming) });
        return response instanceof Promise ? response.catch(breakConnection) : response;
      } catch (thrown) {
        return breakConnection(thrown);
      }
    },
    { errorHandler: (thrown) => (thrown instanceof RequestError ? createMalformedResponse() : undefined) },
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
  const onLimit = createLimitReporter(log, maxConnections);
  const { trackRequest, close } = trackConnections(server, { maxConnections, isStream, onLimit });
  server.on("request", (incoming, outgoing) => {
    trackRequest(incoming, outgoing);
    slowRequests.trackRequest(incoming);
    void listener(incoming, outgoing);
  });
  server.on(
    "clientError",
    (error, socket) => slowRequests.extendTimeout(error, socket) || refuseConnection(error, socket),
  );
  await startListening(server, host, port);
  return { url: getServerUrl(server), stop: close };
}

/** The remote address of a request's connection. */
export function getRemoteAddress(c: Context): string {
  const { incoming } = c.env as { incoming: IncomingMessage };
  return incoming.socket.remoteAddress ?? "";
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

/** Creates a check of whether a request is to one of the paths, with or without a query. */
function createPathMatcher(paths: readonly string[]) {
  const [exactPaths, pathsWithQuery] = [new Set(paths), paths.map((path) => `${path}?`)];
  return ({ url = "" }: IncomingMessage): boolean =>
    exactPaths.has(url) || pathsWithQuery.some((path) => url.startsWith(path));
}

/** Creates the function that logs that the limit was reached, once a minute at most. */
function createLimitReporter(log: Log, limit: number): () => void {
  let loggedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - loggedAt < LIMIT_LOG_MS) return;
    loggedAt = now;
    log.warn("connection limit reached", { limit });
  };
}

function startListening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === "EADDRINUSE" ? "the port is in use by another program" : cause.message;
      reject(new Error(`Cannot listen on ${host}:${port}: ${reason}. Change HOST or PORT.`, { cause }));
    });
    server.listen(port, host, resolve);
  });
}

function getServerUrl(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
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

function createMalformedResponse(): Response {
  return Response.json(
    { error: { code: "bad_request", message: "The URL or the Host header is malformed." } },
    { status: 400 },
  );
}

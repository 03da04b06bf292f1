import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import type { Context } from "hono";
import { getErrorMessage } from "../../shared/errors.ts";
import { BreakConnection } from "../../shared/http/context.ts";
import { RESPONSE_HEADERS } from "../../shared/http/http-app.ts";
import { isWebhookPath } from "../../shared/http/origin-check.ts";
import type { Log } from "../../shared/log.ts";
import type { Ms } from "../../shared/time.ts";
import { readRequestBody } from "./read-body.ts";
import { trackConnections } from "./track-connections.ts";

export interface HttpServerHandle {
  /** With the port that was free, where 0 was asked for. */
  url: string;
  /** Takes no new requests; resolves when those at work are answered, or after `limit`, when they are cut off. */
  stop(limit: Ms): Promise<void>;
}

interface ServeHttpOptions {
  app: { fetch(request: Request, env: unknown): Response | Promise<Response> };
  host: string;
  port: number;
  log: Log;
  /** Paths whose requests may take ten minutes to come. */
  streams?: readonly string[];
  /** How long any other request may take to come. Default 20 s. */
  whole?: Ms;
}

/** A slow sender holds a socket, never longer than this; Plane and proxies send whole requests at once. */
const REQUEST_TIMEOUT_MS: Ms = 20_000;
/** A little longer than an upload gives itself. */
const STREAM_TIMEOUT_MS: Ms = 630_000;

/** Serves an app over HTTP. A request that must get no answer has its connection broken. */
export async function serveHttp({
  app,
  host,
  port,
  log,
  streams = [],
  whole = REQUEST_TIMEOUT_MS,
}: ServeHttpOptions): Promise<HttpServerHandle> {
  const listener = getRequestListener(
    (request, env) => {
      const { incoming, outgoing } = env as HttpBindings;
      // No browser and no cache asks there, and two headers cost it a twentieth of its time.
      if (!isWebhookPath(incoming.url ?? ""))
        for (const [name, value] of RESPONSE_HEADERS) outgoing.setHeader(name, value);
      const breakConnection = (thrown: unknown): never => {
        if (!(thrown instanceof BreakConnection)) log.error("request broken", { error: getErrorMessage(thrown) });
        incoming.socket.destroy();
        throw thrown;
      };
      try {
        const answer = app.fetch(request, { incoming, outgoing, whole: () => readRequestBody(incoming) });
        return answer instanceof Promise ? answer.catch(breakConnection) : answer;
      } catch (thrown) {
        return breakConnection(thrown);
      }
    },
    { errorHandler: (thrown) => (thrown instanceof RequestError ? createMalformedResponse() : undefined) },
  );
  const limits = {
    headersTimeout: Math.min(10_000, whole),
    requestTimeout: whole,
    connectionsCheckingInterval: Math.min(1_000, whole / 4),
    // Longer than proxies keep theirs (Caddy: 2 min), or they would send a webhook into a socket just closed.
    keepAliveTimeout: 150_000,
  };
  const server = createServer(limits);
  const slowRequests = createSlowRequestLimits(streams, STREAM_TIMEOUT_MS - whole);
  const { trackRequest, close } = trackConnections(server);
  server.on("request", (incoming, outgoing) => {
    trackRequest(incoming, outgoing);
    slowRequests.seen(incoming);
    void listener(incoming, outgoing);
  });
  server.on("clientError", (error, socket) => slowRequests.mayGoOn(error, socket) || refuseConnection(error, socket));
  await startListening(server, host, port);
  return { url: getServerUrl(server), stop: close };
}

/** The address at the other end of a request's connection. */
export function getRemoteAddress(c: Context): string {
  const { incoming } = c.env as { incoming: IncomingMessage };
  return incoming.socket.remoteAddress ?? "";
}

/**
 * Node has one limit for all requests of a server, and tells of one that is over it once. Those to some paths may take
 * longer: they get the rest of their time then, so that the others cost no timer of their own.
 */
function createSlowRequestLimits(streams: readonly string[], rest: Ms) {
  const openRequests = new WeakMap<Duplex, IncomingMessage>();
  const [exact, prefixesWithQuery] = [new Set(streams), streams.map((path) => `${path}?`)];
  return {
    seen(incoming: IncomingMessage) {
      const { url = "", socket } = incoming;
      if (exact.has(url) || prefixesWithQuery.some((path) => url.startsWith(path))) openRequests.set(socket, incoming);
    },
    /** Whether what Node tells of is a request that may take longer. */
    mayGoOn({ code }: NodeJS.ErrnoException, socket: Duplex): boolean {
      const incoming = openRequests.get(socket);
      if (code !== "ERR_HTTP_REQUEST_TIMEOUT" || !incoming || incoming.complete) return false;
      const timer = setTimeout(() => incoming.complete || socket.destroy(), rest);
      timer.unref();
      incoming.once("close", () => clearTimeout(timer));
      return true;
    },
  };
}

function startListening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const reason =
        cause.code === "EADDRINUSE" ? "is in use by another program" : `cannot be listened on: ${cause.message}`;
      reject(new Error(`${host}:${port} ${reason}. HOST and PORT say where Groundcrew listens.`, { cause }));
    });
    server.listen(port, host, resolve);
  });
}

function getServerUrl(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

/** Node's answer to bytes that are no request; a request that took too long gets none. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Duplex) {
  if (!socket.writable || error.code === "ECONNRESET" || error.code === "ERR_HTTP_REQUEST_TIMEOUT") {
    socket.destroy();
    return;
  }
  const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  const body = JSON.stringify({ error: { code: "bad_request", message: "This is not an HTTP request." } });
  const head = [`HTTP/1.1 ${status}`, "Content-Type: application/json", `Content-Length: ${body.length}`];
  socket.end([...head, "Connection: close", "", body].join("\r\n"));
}

function createMalformedResponse(): Response {
  return Response.json(
    { error: { code: "bad_request", message: "The address or the Host is malformed." } },
    { status: 400 },
  );
}

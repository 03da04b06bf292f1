/**
 * Limits of the connections of the HTTP server: how many there are in all and from one address, which of them are
 * idle, and how many requests wait on one.
 */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { z } from "zod";
import { createSourceSlots } from "../../shared/http/limits.ts";
import { type IpRange, isTrustedAddress, resolveClientAddress, toRateLimitSource } from "../../shared/ip-address.ts";
import type { Ms } from "../../shared/time.ts";

interface TrackConnectionsOptions {
  /** Limit of open connections. For a new one at the limit, another is closed, or the new one if all are in use. */
  maxConnections: number;
  /** Limit of open connections from one source; at the limit, another one from this source is closed. */
  maxPerSource: number;
  /** Who opened a connection; undefined where the limit per source does not apply. */
  findSource: (socket: Socket) => string | undefined;
  /** Whether a request may take minutes to arrive, so that its connection is in use meanwhile. */
  isStream: (incoming: IncomingMessage) => boolean;
  /** Called with the new connection whenever one is closed because of a limit; `limit` is the one that was reached. */
  onLimit: (socket: Socket, limit: number) => void;
}

/** The last request of an open connection. */
interface LastRequest {
  /** Counts the requests and new connections of the server: the smallest number is the longest ago. */
  number: number;
  /** Undefined before the first request. */
  outgoing: ServerResponse | undefined;
}

interface SourceLimitsOptions {
  /** Limit of requests from one address that proxies are forwarding at once. */
  maxForwarded: number;
  /** The proxies whose X-Forwarded-For counts; asked for each new connection. */
  getTrustedProxies: () => readonly IpRange[];
  /** Called with the address of a request over the limit. */
  onLimit: (address: string) => void;
}

type HandleRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

interface RequestQueuesOptions {
  handle: HandleRequest;
  /** Limit of requests that wait on one connection; a further one closes it, and none of the waiting ones is answered. */
  maxWaiting: number;
  /** Called whenever a connection is closed because of the limit. */
  onLimit: (socket: Socket) => void;
}

interface RequestQueue {
  /** The latest response that was begun. */
  current: ServerResponse;
  waiting: { incoming: IncomingMessage; outgoing: ServerResponse }[];
}

/** Limit of connections where the process may open more files: 10,000, about 100 MB of buffers. */
const MAX_CONNECTIONS = 10_000;

/**
 * Limit of connections from one address, and of requests that proxies forward for one: 512, or half of all. A company
 * of fifty behind one address has about 400, at eight for a browser; 512 whose answers nobody reads occupy less than 20
 * MB.
 */
const MAX_PER_SOURCE = 512;

const SOURCE_SHARE = 1 / 2;

/** Assumed limit of open files where the platform reports none (Windows). */
const DEFAULT_OPEN_FILES = 1_024;

/**
 * Files that are kept for everything but clients: 40, or a quarter of the limit. The process itself opens 26
 * (measured); the others are for the store and for requests to Plane, Telegram and agents.
 */
const RESERVED_FILES = 40;

const RESERVED_SHARE = 1 / 4;

const reportSchema = z.object({ userLimits: z.object({ open_files: z.object({ soft: z.number() }) }) });

/**
 * Limits the connections of a server and of each source, and makes the server closable without waiting for idle
 * keep-alive connections: a connection with an open request is closed after its response, any other at once, and all of
 * them after `limit`. (`closeIdleConnections` skips connections that have not sent a request yet and those that become
 * idle after closing has begun.) Only the last response of each connection is tracked, which is the last to be sent; a
 * listener for every response would cost more.
 *
 * The map changes with connections only. A map that is reordered at each request is copied every few requests, and V8
 * links the copies: once one of them is in the old generation, all that follow stay there with their responses until a
 * full garbage collection, which cost a tenth of the webhook intake.
 */
export function trackConnections(server: Server, options: TrackConnectionsOptions) {
  const lastRequests = new Map<Socket, LastRequest>();
  let lastNumber = 0;
  const sources = createSourceIndex();
  let isClosing = false;

  server.on("connection", (socket: Socket) => {
    const source = options.findSource(socket);
    const isAdmitted =
      (source === undefined || makeRoom(socket, sources.get(source), options.maxPerSource)) &&
      makeRoom(socket, lastRequests, options.maxConnections);
    if (!isAdmitted) return;
    lastNumber += 1;
    lastRequests.set(socket, { number: lastNumber, outgoing: undefined });
    if (source !== undefined) sources.add(source, socket);
    socket.once("close", () => forget(socket));
  });

  /** Closes one of these connections when they are at their limit, or the new one and returns false. */
  function makeRoom(socket: Socket, others: Pick<Map<Socket, unknown>, "size" | "keys">, limit: number): boolean {
    if (others.size < limit) return true;
    options.onLimit(socket, limit);
    const closable = findClosableConnection(others.keys(), lastRequests, options.isStream) ?? socket;
    // `destroy` frees the file at once, but "close" is emitted later.
    forget(closable);
    closable.destroy();
    return closable !== socket;
  }

  function forget(socket: Socket) {
    lastRequests.delete(socket);
    sources.delete(socket);
  }

  function endConnectionAfter(socket: Socket, outgoing: ServerResponse | undefined) {
    if (!outgoing) socket.destroy();
    else if (outgoing.writableFinished) socket.destroySoon();
    else outgoing.once("close", () => lastRequests.get(socket)?.outgoing === outgoing && socket.destroySoon());
  }

  return {
    /** Whether a request of this connection has not been answered completely. */
    isInUse: (socket: Socket) => lastRequests.get(socket)?.outgoing?.writableFinished === false,
    /** Must be called for each request of an open connection: on a closing server its connection ends with the response. */
    trackRequest({ socket }: IncomingMessage, outgoing: ServerResponse) {
      const lastRequest = lastRequests.get(socket);
      if (!lastRequest) return;
      lastNumber += 1;
      lastRequest.number = lastNumber;
      lastRequest.outgoing = outgoing;
      if (isClosing) endConnectionAfter(socket, outgoing);
    },
    /** Closes the server; resolves when every connection is closed. */
    async close(limit: Ms) {
      isClosing = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const [socket, { outgoing }] of lastRequests) endConnectionAfter(socket, outgoing);
      const timer = setTimeout(() => server.closeAllConnections(), limit);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** The open connections of each source, in the order in which they were opened. */
function createSourceIndex() {
  const none: ReadonlySet<Socket> = new Set();
  const socketsBySource = new Map<string, Set<Socket>>();
  const sources = new WeakMap<Socket, string>();
  return {
    get: (source: string) => socketsBySource.get(source) ?? none,
    add(source: string, socket: Socket) {
      const sockets = socketsBySource.get(source) ?? new Set();
      socketsBySource.set(source, sockets.add(socket));
      sources.set(socket, source);
    },
    delete(socket: Socket) {
      const source = sources.get(socket);
      const sockets = source === undefined ? undefined : socketsBySource.get(source);
      if (source === undefined || !sockets?.delete(socket)) return;
      if (sockets.size === 0) socketsBySource.delete(source);
    },
  };
}

/**
 * Finds the connection that is missed least: of those without an open request the one whose last request began longest
 * ago, else of those whose request has not arrived completely. Plane and agents send theirs at once. Undefined when all
 * connections are in use.
 */
function findClosableConnection(
  sockets: Iterable<Socket>,
  lastRequests: ReadonlyMap<Socket, LastRequest>,
  isStream: (incoming: IncomingMessage) => boolean,
): Socket | undefined {
  let idle: Socket | undefined;
  let unfinished: Socket | undefined;
  const isEarlier = (number: number, other: Socket | undefined) =>
    other === undefined || number < (lastRequests.get(other)?.number ?? 0);
  for (const socket of sockets) {
    const { outgoing, number = 0 } = lastRequests.get(socket) ?? {};
    if (!outgoing || outgoing.writableFinished) idle = isEarlier(number, idle) ? socket : idle;
    else if (!outgoing.req.complete && !isStream(outgoing.req))
      unfinished = isEarlier(number, unfinished) ? socket : unfinished;
  }
  return idle ?? unfinished;
}

/** The number of connections that clients may have open at once, from the process' limit of open files (`ulimit -n`). */
export function getConnectionLimit(): number {
  const files = readOpenFilesLimit();
  const reserved = Math.max(RESERVED_FILES, Math.ceil(files * RESERVED_SHARE));
  return Math.min(MAX_CONNECTIONS, Math.max(1, files - reserved));
}

function readOpenFilesLimit(): number {
  const { report } = process;
  // Without this setting, which Node's types lack, a report resolves the names of network peers, which can take
  // seconds.
  const previous: unknown = Reflect.get(report, "excludeNetwork");
  Reflect.set(report, "excludeNetwork", true);
  try {
    const parsed = reportSchema.safeParse(report.getReport());
    return parsed.success ? parsed.data.userLimits.open_files.soft : DEFAULT_OPEN_FILES;
  } finally {
    Reflect.set(report, "excludeNetwork", previous);
  }
}

/** The number of connections that one address may have open at once, from the limit of all connections. */
export function getSourceLimit(connections: number): number {
  return Math.min(MAX_PER_SOURCE, Math.ceil(connections * SOURCE_SHARE));
}

/** Creates limits per source address, so that no address keeps others from the product. */
export function createSourceLimits({ maxForwarded, getTrustedProxies, onLimit }: SourceLimitsOptions) {
  const slots = createSourceSlots({ perSource: maxForwarded });
  /** The proxies that were trusted when the proxy connected. */
  const proxies = new WeakMap<Socket, readonly IpRange[]>();

  return {
    /** Who opened a connection, as a key for limits; undefined for a trusted proxy, whose connections are not limited. */
    findSource(socket: Socket): string | undefined {
      const { remoteAddress = "" } = socket;
      const trusted = getTrustedProxies();
      if (!isTrustedAddress(remoteAddress, trusted)) return toRateLimitSource(remoteAddress);
      proxies.set(socket, trusted);
      return undefined;
    },
    /**
     * Counts a request of a trusted proxy for the address that it forwards until its answer is sent; false when the
     * address is at its limit. Requests of others are not counted, because their connections are limited.
     */
    admitRequest({ socket, headers }: IncomingMessage, outgoing: ServerResponse): boolean {
      const trusted = proxies.get(socket);
      if (!trusted) return true;
      const client = resolveClientAddress(
        socket.remoteAddress ?? "",
        formatHeader(headers["x-forwarded-for"]),
        trusted,
      );
      // Without a forwarded address, the request is the proxy's own.
      if (isTrustedAddress(client, trusted)) return true;
      const freeSlot = slots.take(toRateLimitSource(client));
      if (freeSlot) outgoing.once("close", freeSlot);
      else onLimit(client);
      return freeSlot !== undefined;
    },
  };
}

/** Node joins repeated headers of this kind; its types allow a list. */
function formatHeader(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(",") : value;
}

/**
 * Creates the function that handles the requests of each connection one after the other: the next one only when the
 * system has taken the last byte of the answer before. Node parses all requests that arrive together, and it stops
 * reading from a connection with an unsent answer only afterwards; so without a queue, one piece of 64 KB from a client
 * that reads nothing could request a thousand answers at once.
 */
export function createRequestQueues({ handle, maxWaiting, onLimit }: RequestQueuesOptions): HandleRequest {
  const queues = new WeakMap<Socket, RequestQueue>();

  function handleNext(socket: Socket, queue: RequestQueue) {
    const next = socket.writable ? queue.waiting.shift() : undefined;
    if (!next) {
      queue.waiting = [];
      return;
    }
    queue.current = next.outgoing;
    if (queue.waiting.length > 0) handleNextAfter(socket, queue);
    handle(next.incoming, next.outgoing);
  }

  function handleNextAfter(socket: Socket, queue: RequestQueue) {
    queue.current.once("close", () => handleNext(socket, queue));
  }

  return (incoming, outgoing) => {
    const { socket } = incoming;
    const queue = queues.get(socket);
    if (!queue) {
      queues.set(socket, { current: outgoing, waiting: [] });
      handle(incoming, outgoing);
    } else if (queue.waiting.length === 0 && queue.current.writableFinished) {
      queue.current = outgoing;
      handle(incoming, outgoing);
    } else if (queue.waiting.length < maxWaiting) {
      queue.waiting.push({ incoming, outgoing });
      if (queue.waiting.length === 1) handleNextAfter(socket, queue);
    } else {
      onLimit(socket);
      queue.waiting = [];
      socket.destroy();
    }
  };
}

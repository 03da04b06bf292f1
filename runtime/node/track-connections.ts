import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Ms } from "../../shared/time.ts";

interface ConnectionTracker {
  /** Must be called for each request: on a closing server its connection ends with the response. */
  trackRequest(incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** Closes the server; resolves when every connection is closed. */
  close(limit: Ms): Promise<void>;
}

interface TrackConnectionsOptions {
  /** Limit of open connections. For a new one at the limit, another is closed, or the new one if all are in use. */
  maxConnections: number;
  /** Whether a request may take minutes to arrive, so that its connection is in use meanwhile. */
  isStream: (incoming: IncomingMessage) => boolean;
  /** Called whenever a connection is closed because of the limit. */
  onLimit: () => void;
}

/**
 * Limits the connections of a server, and makes it closable without waiting for idle keep-alive connections: a connection
 * with an open request is closed after its response, any other at once, and all of them after `limit`.
 * (`closeIdleConnections` skips connections that have not sent a request yet and those that become idle after closing has
 * begun.) Only the last response of each connection is tracked, which is the last to be sent; a listener for every
 * response would cost more.
 */
export function trackConnections(server: Server, options: TrackConnectionsOptions): ConnectionTracker {
  /** The connection whose last request began longest ago comes first. */
  const lastResponses = new Map<Socket, ServerResponse | undefined>();
  let isClosing = false;

  server.on("connection", (socket: Socket) => {
    if (lastResponses.size >= options.maxConnections) {
      options.onLimit();
      const closable = findClosableConnection(lastResponses, options.isStream) ?? socket;
      // `destroy` frees the file at once, but "close" is emitted later.
      lastResponses.delete(closable);
      closable.destroy();
      if (closable === socket) return;
    }
    lastResponses.set(socket, undefined);
    socket.once("close", () => lastResponses.delete(socket));
  });

  function endConnectionAfter(socket: Socket, outgoing: ServerResponse | undefined) {
    if (!outgoing) socket.destroy();
    else if (outgoing.writableFinished) socket.destroySoon();
    else outgoing.once("close", () => lastResponses.get(socket) === outgoing && socket.destroySoon());
  }

  return {
    trackRequest({ socket }, outgoing) {
      // Bytes of a connection that was closed can still become a request.
      if (socket.destroyed) return;
      lastResponses.delete(socket);
      lastResponses.set(socket, outgoing);
      if (isClosing) endConnectionAfter(socket, outgoing);
    },
    async close(limit) {
      isClosing = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const [socket, outgoing] of lastResponses) endConnectionAfter(socket, outgoing);
      const timer = setTimeout(() => server.closeAllConnections(), limit);
      await closed;
      clearTimeout(timer);
    },
  };
}

/**
 * Finds the connection that is missed least: the first without an open request, else the first whose request has not
 * arrived completely. Plane and agents send theirs at once. Undefined when all connections are in use.
 */
function findClosableConnection(
  lastResponses: ReadonlyMap<Socket, ServerResponse | undefined>,
  isStream: (incoming: IncomingMessage) => boolean,
): Socket | undefined {
  let unfinished: Socket | undefined;
  for (const [socket, outgoing] of lastResponses) {
    if (!outgoing || outgoing.writableFinished) return socket;
    if (!outgoing.req.complete && !isStream(outgoing.req)) unfinished ??= socket;
  }
  return unfinished;
}

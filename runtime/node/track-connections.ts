import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Ms } from "../../shared/time.ts";

interface ConnectionTracker {
  /** Must be called for each request: on a closing server its connection ends with the response. */
  trackRequest(incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** Closes the server; resolves when every connection is closed. */
  close(limit: Ms): Promise<void>;
}

/**
 * Makes a server closable without waiting for idle keep-alive connections: a connection with an open request is closed
 * after its response, any other at once, and all of them after `limit`. (`closeIdleConnections` skips connections that
 * have not sent a request yet and those that become idle after closing has begun.) Only the last response of each
 * connection is tracked, which is the last to be sent; a listener for every response would cost more.
 */
export function trackConnections(server: Server): ConnectionTracker {
  const lastResponses = new Map<Socket, ServerResponse | undefined>();
  let isClosing = false;

  server.on("connection", (socket: Socket) => {
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

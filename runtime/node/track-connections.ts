import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Ms } from "../../shared/time.ts";

interface ConnectionTracker {
  /** To be told of each request: on a closing server its connection ends with the answer. */
  trackRequest(incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** Resolves when every connection is gone. */
  close(limit: Ms): Promise<void>;
}

/**
 * Makes a server closable without waiting for connections that are only kept: those with a request at work are ended
 * when it is answered, the others at once, and after `limit` all of them. (`closeIdleConnections` leaves out those
 * that have not sent a request yet and those that are kept after the closing has begun.) Of each connection only its
 * last answer is known, which is the last to be sent: listening to each one's end would cost more than this does.
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

import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Ms } from "../../shared/store/port.ts";

/**
 * Makes a server closable without waiting for connections that are only kept: those with a request at work are ended
 * when it is answered, the others at once, and after `limit` all of them. (`closeIdleConnections` leaves out those
 * that have not sent a request yet and those that are kept after the closing has begun.)
 */
export function closable(server: Server): (limit: Ms) => Promise<void> {
  const atWork = new Map<Socket, number>();
  let closing = false;

  server.on("connection", (socket: Socket) => {
    atWork.set(socket, 0);
    socket.once("close", () => atWork.delete(socket));
  });
  server.on("request", ({ socket }, response) => {
    atWork.set(socket, (atWork.get(socket) ?? 0) + 1);
    response.once("close", () => {
      const left = (atWork.get(socket) ?? 1) - 1;
      if (atWork.has(socket)) atWork.set(socket, left);
      if (closing && left === 0) socket.destroySoon();
    });
  });

  return async (limit) => {
    closing = true;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const [socket, requests] of atWork) if (requests === 0) socket.destroy();
    const timer = setTimeout(() => server.closeAllConnections(), limit);
    await closed;
    clearTimeout(timer);
  };
}

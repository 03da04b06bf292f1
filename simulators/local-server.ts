import type { AddressInfo } from "node:net";

/** What this module needs of an HTTP server. */
interface LocalServer {
  once(event: "error", act: (error: Error) => void): unknown;
  listen(port: number, host: string, act: () => void): unknown;
  address(): AddressInfo | string | null;
  close(act: () => void): unknown;
  closeAllConnections?: () => void;
}

/** Listens on a port of this machine, 0 for any free one, and returns the port. */
export async function listenLocally(server: LocalServer, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  return address !== null && typeof address !== "string" ? address.port : port;
}

/** Closes a server and its connections, so that it refuses new ones. Without a server nothing happens. */
export async function closeLocalServer(server: LocalServer | undefined): Promise<void> {
  if (!server) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections?.();
  await closed;
}

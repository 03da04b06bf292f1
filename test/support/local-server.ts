import { createServer, type RequestListener } from "node:http";
import { onTestFinished } from "vitest";
import { closeLocalServer, listenLocally } from "../../simulators/local-server.ts";
import type { OnEnd } from "./temp-folder.ts";

/** Starts an HTTP server on this machine, which is closed in the end, and returns its address. */
export async function serveLocally(answer: RequestListener, onEnd: OnEnd = onTestFinished): Promise<string> {
  const server = createServer(answer);
  const port = await listenLocally(server, 0);
  onEnd(() => closeLocalServer(server));
  return `http://127.0.0.1:${port}`;
}

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { OnEnd } from "./test-folder.ts";

/** Starts an HTTP server on a free port, until it is closed. */
export async function openServer(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Starts the same until the test ends, or until what `onEnd` takes is called; returns its address. */
export async function startServer(listener: RequestListener, onEnd: OnEnd = onTestFinished): Promise<string> {
  const { url, close } = await openServer(listener);
  onEnd(close);
  return url;
}

interface ScriptedResponse {
  status: number;
  headers?: Record<string, string | string[]>;
  /** A string is sent as it is, anything else as JSON. */
  body?: unknown;
}

export type ScriptedStep = ScriptedResponse | ((request: IncomingMessage, response: ServerResponse) => void);

interface ReceivedRequest {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

/** Starts an HTTP server that answers requests with these steps in order; the last step answers all further requests. */
export async function openScriptedServer(...steps: ScriptedStep[]) {
  const requests: ReceivedRequest[] = [];
  const server = await openServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const step = steps[Math.min(requests.length, steps.length - 1)];
    requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
    if (typeof step === "function") return step(request, response);
    const text = typeof step?.body === "string" ? step.body : JSON.stringify(step?.body);
    response.writeHead(step?.status ?? 500, step?.headers).end(text);
  });
  return { ...server, requests };
}

/** Starts the same until the test ends. */
export async function startScriptedServer(...steps: ScriptedStep[]) {
  const server = await openScriptedServer(...steps);
  onTestFinished(server.close);
  return server;
}

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

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
export async function startScriptedServer(...steps: ScriptedStep[]) {
  const requests: ReceivedRequest[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const step = steps[Math.min(requests.length, steps.length - 1)];
    requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
    if (typeof step === "function") return step(request, response);
    const text = typeof step?.body === "string" ? step.body : JSON.stringify(step?.body);
    response.writeHead(step?.status ?? 500, step?.headers).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

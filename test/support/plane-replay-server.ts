import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { z } from "zod";

const exchangeSchema = z.object({
  name: z.string(),
  as: z.string(),
  auth: z.enum(["none", "session", "api_key"]),
  request: z.object({
    method: z.string(),
    path: z.string(),
    query: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    json: z.record(z.string(), z.unknown()).optional(),
    /** The fields of a form, or a body sent as it is. */
    form: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  }),
  response: z.object({ status: z.int(), headers: z.record(z.string(), z.string()), body: z.unknown() }),
});
export type RecordedExchange = z.infer<typeof exchangeSchema>;

const FOLDER = new URL("../fixtures/plane-contract/", import.meta.url);

/** Reads every file of recorded exchanges by name; webhook-deliveries.json has another format and is left out. */
export function readRecordedExchanges(): Map<string, RecordedExchange[]> {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json") && name !== "webhook-deliveries.json");
  return new Map(
    names.map((name) => [name, z.array(exchangeSchema).parse(JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")))]),
  );
}

interface ReceivedRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: IncomingMessage["headers"];
  body: string;
}

export interface ReplayServer {
  url: string;
  /** Sets the response to all further requests. */
  play(response: RecordedExchange["response"]): void;
  /** The requests since the last `play`. */
  received: ReceivedRequest[];
  close(): Promise<void>;
}

/** Starts an HTTP server that answers exactly as recorded: status, headers, body. */
export async function startReplayServer(): Promise<ReplayServer> {
  let response: RecordedExchange["response"] = { status: 500, headers: {}, body: { error: "no response is set" } };
  const received: ReceivedRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const url = new URL(incoming.url ?? "/", "http://plane.test");
    received.push({
      method: incoming.method ?? "",
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString("utf8"),
    });
    outgoing.writeHead(response.status, response.headers);
    outgoing.end(response.body === null ? undefined : JSON.stringify(response.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    received,
    play(next) {
      response = next;
      received.length = 0;
    },
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

import { readdirSync, readFileSync } from "node:fs";
import { z } from "zod";
import { openScriptedServer } from "./test-server.ts";

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

/** The answer of a real Plane to the exchange with this name. */
export function findRecordedResponse(file: string, name: string): RecordedExchange["response"] {
  const found = readRecordedExchanges()
    .get(`${file}.json`)
    ?.find((exchange) => exchange.name === name);
  if (!found) throw new Error(`${file} has no ${name}.`);
  return found.response;
}

interface RecordedDeliveries {
  secret: string;
  deliveries: { name: string; headers: Record<string, string>; raw_body: string }[];
}

/** Reads recorded webhooks. */
export function readRecordedDeliveries(file = "plane-contract/webhook-deliveries.json"): RecordedDeliveries {
  return JSON.parse(readFileSync(`test/fixtures/${file}`, "utf8"));
}

/** Starts an HTTP server that answers exactly as recorded: status, headers, body. */
export async function startReplayServer() {
  let response: RecordedExchange["response"] = { status: 500, headers: {}, body: { error: "no response is set" } };
  const { requests, ...server } = await openScriptedServer((_, outgoing) => {
    outgoing.writeHead(response.status, response.headers);
    outgoing.end(response.body === null ? undefined : JSON.stringify(response.body));
  });
  return {
    ...server,
    /** The requests since the last `play`. */
    get received() {
      return requests.map(({ url, ...request }) => {
        const { pathname, searchParams } = new URL(url, "http://plane.test");
        return { ...request, path: pathname, query: Object.fromEntries(searchParams) };
      });
    },
    /** Sets the response to all further requests. */
    play(next: RecordedExchange["response"]) {
      response = next;
      requests.length = 0;
    },
  };
}

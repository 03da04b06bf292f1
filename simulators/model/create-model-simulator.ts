import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { closeLocalServer, listenLocally } from "../local-server.ts";
import { followTicket, modelRequestSchema } from "./follow-ticket.ts";
import { responsesRequestSchema, streamResponse } from "./follow-ticket-by-responses.ts";
import { renderMessage, streamMessage } from "./stream-message.ts";

/**
 * Creates a stand-in for the model behind Claude Code and Codex: the Messages and the Responses API over real HTTP on this machine, streaming. It is
 * also an HTTP proxy that refuses every connection, so that a program with its address in `HTTPS_PROXY` reaches
 * nothing else, and `refused` says what it tried to reach.
 */
export function createModelSimulator() {
  const server = createServer((request, response) => void handle(request, response));
  /** Paths of the requests that were answered. */
  const requests: string[] = [];
  /** Hosts, with their ports, of connections that were refused. */
  const refused: string[] = [];
  let fault: "silent" | number | undefined;
  server.on("connect", (request, socket) => {
    refused.push(request.url ?? "");
    socket.on("error", () => {});
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });

  async function handle(request: IncomingMessage, response: ServerResponse) {
    const target = request.url ?? "";
    let body = "";
    for await (const chunk of request) body += chunk;
    if (!target.startsWith("/")) {
      refused.push(target);
      response.writeHead(403).end();
      return;
    }
    requests.push(target);
    const [path] = target.split("?");
    if (request.method !== "POST") return answer(response, 200, {});
    if (path === "/v1/messages/count_tokens") return answer(response, 200, { input_tokens: 120 });
    if (path === "/v1/responses") {
      const asked = responsesRequestSchema.safeParse(parseJson(body));
      return asked.success ? streamResponse(response, asked.data) : answer(response, 400, {});
    }
    if (path !== "/v1/messages") return answer(response, 404, toError("not_found_error", `no ${path}`));
    const parsed = modelRequestSchema.safeParse(parseJson(body));
    if (!parsed.success) return answer(response, 400, toError("invalid_request_error", parsed.error.message));
    if (fault === "silent") return;
    if (fault !== undefined) return answer(response, fault, toError(ERROR_TYPES[fault] ?? "api_error", "a fault"));
    const { model, stream } = parsed.data;
    const reply = followTicket(parsed.data);
    if (stream) streamMessage(response, model, reply);
    else answer(response, 200, renderMessage(model, reply));
  }

  return {
    requests,
    refused,
    /** Answers no message from now on, or each with this status; undefined: as usual. */
    setFault: (next: "silent" | number | undefined) => {
      fault = next;
    },
    /** Listens on a free port and returns the value for `ANTHROPIC_BASE_URL`. */
    start: async (): Promise<string> => `http://127.0.0.1:${await listenLocally(server, 0)}`,
    stop: () => closeLocalServer(server),
  };
}

const ERROR_TYPES: Record<number, string> = { 401: "authentication_error", 429: "rate_limit_error" };

function answer(response: ServerResponse, status: number, json: object) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
}

function toError(type: string, message: string) {
  return { type: "error", error: { type, message } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

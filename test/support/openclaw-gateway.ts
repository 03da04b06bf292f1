import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";

export type OpenClawVersion = "2026.9.6" | "2026.2.26";

/** A run of an agent that the gateway started. */
export interface GatewayRun {
  agent: string;
  message: string;
  idempotencyKey?: string;
  runId: string;
}

interface GatewayOptions {
  version: OpenClawVersion;
  token?: string;
  agents?: readonly string[];
  /** `hooks.mappings`: names under /hooks/. */
  mappings?: readonly string[];
  /** `hooks.allowedAgentIds`; default: all. */
  allowed?: readonly string[];
  /** `hooks.allowRequestSessionKey`. */
  sessionKeys?: boolean;
}

const BODY_LIMIT = 256 * 1024;
/** Limit of requests with a wrong token; further ones get 429. */
const WRONG_LIMIT = 20;

const bodySchema = z.looseObject({
  message: z.string().optional(),
  text: z.string().optional(),
  mode: z.string().optional(),
  agentId: z.string().optional(),
  sessionKey: z.string().optional(),
  idempotencyKey: z.string().optional(),
  channel: z.string().optional(),
  to: z.string().optional(),
  waitForCompletion: z.unknown().optional(),
  sessionMode: z.string().optional(),
});

/** Starts a simulated OpenClaw gateway with hooks only, which answers like the recordings of both versions. */
export async function startGateway(options: GatewayOptions) {
  const { version, token = "<hook-token>", agents = ["imhotep", "thot", "concierge"], mappings = ["plane"] } = options;
  const { allowed, sessionKeys = false } = options;
  const isNew = version === "2026.9.6";
  const runs: GatewayRun[] = [];
  const runsByKey = new Map<string, { runId: string; message: string }>();
  let wrongTokens = 0;
  /** Faults of the next requests, in order; after them requests are answered normally. */
  const faults: ("reset" | "silent" | number)[] = [];

  type Reply = [status: number, body: object | string, headers?: Record<string, string>];

  function answerWake(body: z.infer<typeof bodySchema>): Reply {
    if (!body.text) return [400, { ok: false, error: "text required" }];
    if (isNew && body.agentId === undefined)
      return [400, { ok: false, error: "agentId is required when multiple agents are configured" }];
    if (isNew && !agents.includes(body.agentId ?? ""))
      return [400, { ok: false, error: `unknown agentId "${body.agentId}"` }];
    return [
      200,
      { ok: true, mode: body.mode ?? "now", ...omitUndefined({ eventOutcome: isNew ? "queued" : undefined }) },
    ];
  }

  function answerAgent(body: z.infer<typeof bodySchema>, header: string | undefined): Reply {
    const { message, agentId, waitForCompletion } = body;
    if (isNew && waitForCompletion !== undefined && typeof waitForCompletion !== "boolean")
      return [400, { ok: false, error: "waitForCompletion must be boolean" }];
    if (!message) return [400, { ok: false, error: "message required" }];
    if (isNew && body.channel !== undefined && body.channel !== "last")
      return [400, { ok: false, error: "channel must be last" }];
    // The order is that of OpenClaw's source: the message is validated first, then the agent, then the session.
    if (isNew && agentId === undefined)
      return [400, { ok: false, error: "agentId is required when multiple agents are configured" }];
    if (isNew && !agents.includes(agentId ?? "")) return [400, { ok: false, error: `unknown agentId "${agentId}"` }];
    if (isNew && allowed && !allowed.includes(agentId ?? ""))
      return [400, { ok: false, error: "agentId is not allowed by hooks.allowedAgentIds" }];
    if (body.sessionKey !== undefined && !sessionKeys)
      return [400, { ok: false, error: formatSessionKeyRefusal(isNew) }];
    if (isNew && body.sessionMode === "persistent")
      return [
        400,
        {
          ok: false,
          error: "hooks.allowedSessionKeyPrefixes is required when direct hook sessionMode is persistent",
        },
      ];
    const key = header ?? body.idempotencyKey;
    const known = isNew && key !== undefined ? runsByKey.get(key) : undefined;
    if (known?.message === message) return [200, { ok: true, runId: known.runId }];
    const runId = crypto.randomUUID();
    if (key !== undefined) runsByKey.set(key, { runId, message });
    runs.push({ agent: agentId ?? "main", message, runId, ...omitUndefined({ idempotencyKey: key }) });
    const completion = { status: "ok", replyDisposition: "visible", delivered: false, deliveryAttempted: false };
    return [
      isNew ? 200 : 202,
      {
        ok: true,
        runId,
        ...omitUndefined({ completion: isNew && waitForCompletion === true ? completion : undefined }),
      },
    ];
  }

  function answerRequest(request: IncomingMessage, raw: string): Reply {
    const url = new URL(request.url ?? "/", "http://openclaw.test");
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    const receivedToken = bearer ?? request.headers["x-openclaw-token"];
    if (url.searchParams.has("token"))
      return [
        400,
        "Hook token must be provided via Authorization: Bearer <token> or X-OpenClaw-Token header (query parameters are not allowed).",
      ];
    if (receivedToken !== token) {
      wrongTokens += 1;
      return wrongTokens > WRONG_LIMIT ? [429, "Too Many Requests", { "retry-after": "60" }] : [401, "Unauthorized"];
    }
    if (request.method !== "POST") return [405, "Method Not Allowed", { allow: "POST" }];
    if (raw.length > BODY_LIMIT) return [413, { ok: false, error: "payload too large" }];
    let json: unknown;
    try {
      json = JSON.parse(raw || "{}");
    } catch (thrown) {
      return [400, { ok: false, error: thrown instanceof Error ? thrown.message : String(thrown) }];
    }
    const body = bodySchema.parse(json);
    const name = url.pathname.replace("/hooks/", "");
    if (name === "wake") return answerWake(body);
    if (name === "agent") return answerAgent(body, getHeader(request, "idempotency-key"));
    if (mappings.includes(name)) return answerAgent({ ...body, message: raw, agentId: agents[0] ?? "main" }, undefined);
    return [404, "Not Found"];
  }

  const server = createServer((request, response) => {
    const fault = faults.shift();
    if (fault === "reset") return void request.socket.destroy();
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const raw = Buffer.concat(chunks).toString("utf8");
      if (fault === "silent") {
        answerRequest(request, raw);
        return request.socket.destroy();
      }
      if (typeof fault === "number")
        return sendReply(response, [fault, "", fault === 429 ? { "retry-after": "7" } : {}]);
      if (raw.length > BODY_LIMIT && !isNew) return request.socket.destroy();
      sendReply(response, answerRequest(request, raw));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, token, runs, faults };
}

function formatSessionKeyRefusal(isNew: boolean): string {
  return isNew
    ? "sessionKey is disabled for externally supplied hook payload values; set hooks.allowRequestSessionKey=true to enable"
    : "sessionKey is disabled for external /hooks/agent payloads; set hooks.allowRequestSessionKey=true to enable";
}

function getHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

function sendReply(
  response: ServerResponse,
  [status, body, headers = {}]: [number, object | string, Record<string, string>?],
) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const type = typeof body === "string" ? "text/plain" : "application/json";
  response.writeHead(status, { "content-type": `${type}; charset=utf-8`, ...headers }).end(text);
}

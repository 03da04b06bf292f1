import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { closeLocalServer, listenLocally } from "../local-server.ts";
import {
  answerHook,
  type GatewayMapping,
  type GatewaySettings,
  type HookReply,
  type OpenClawVersion,
  type RequestedRun,
} from "./answer-hook.ts";

/** A model run that the gateway started for an agent. */
export interface GatewayRun extends RequestedRun {
  runId: string;
  /** The run ended before the model was asked, as the first runs on a fresh workspace of 2026.2.26 do. */
  hasFailed?: true;
}

/**
 * A fault of one request: a status; `reset`, the connection breaks before the request is read; `silent`, the run
 * starts but the answer is lost; `no run`, the request is accepted but the run fails at once.
 */
export type GatewayFault = "reset" | "silent" | "no run" | number;

/** 2026.9 listens while it starts, and while it stops and waits for its runs. */
type GatewayPhase = "starting" | "started" | "draining";

export interface GatewaySimulatorOptions {
  version: OpenClawVersion;
  /** `hooks.token`. */
  token?: string;
  /** The ids of the agents; the array may grow later. */
  agents?: readonly string[];
  mappings?: readonly GatewayMapping[];
  /** `hooks.allowedAgentIds`; default: all. */
  allowed?: readonly string[];
  /** `hooks.allowRequestSessionKey`. */
  sessionKeys?: boolean;
  /** What the agent's model does in a run; it is called after the request was answered. */
  onRun?: (run: GatewayRun) => void | Promise<void>;
}

/** The mapping of the recorded gateway. */
const RECORDED_MAPPING: GatewayMapping = {
  path: "plane",
  agentId: "imhotep",
  messageTemplate: "Work item {{item.id}}.",
  allowUnsafeExternalContent: true,
};

/** Limit of a request's body: 256 KiB. */
const BODY_LIMIT = 256 * 1024;
/** What a gateway that starts answers to a request for a run after 15 s; its documented form. */
const NOT_STARTED = { ok: false, error: "hook agent run was not admitted" };
/** Limit of requests with a wrong token; further ones get 429. */
const WRONG_TOKEN_LIMIT = 20;

/**
 * Creates a simulated OpenClaw gateway with its hooks over real HTTP, which answers as recorded from both versions. A
 * run is recorded in `runs` and handed to `onRun`. On 2026.2.26 the wake mode `now` costs a second model run, which is
 * recorded in `heartbeats`.
 */
export function createGatewaySimulator({
  version,
  token = "<hook-token>",
  agents = ["imhotep", "thot", "concierge"],
  mappings = [RECORDED_MAPPING],
  allowed,
  sessionKeys = false,
  onRun,
}: GatewaySimulatorOptions) {
  const settings = { version, agents, mappings, allowed, sessionKeys } satisfies GatewaySettings;
  const isNewVersion = () => settings.version === "2026.9.6";
  const runs: GatewayRun[] = [];
  const heartbeats: { agent: string; runId: string }[] = [];
  /** Faults of the next requests, in order; after them requests are answered normally. */
  const faults: GatewayFault[] = [];
  const runsByKey = new Map<string, GatewayRun>();
  const activeRuns = new Set<Promise<void>>();
  let wrongTokens = 0;
  let server: Server | undefined;
  let port = 0;
  let phase: GatewayPhase = "started";

  function startRun(requested: RequestedRun, hasFailed: boolean): HookReply {
    const { idempotencyKey: key, message, waitForCompletion } = requested;
    const isNew = isNewVersion();
    const known = isNew && key !== undefined ? runsByKey.get(key) : undefined;
    const isRepeated = known?.message === message;
    const run: GatewayRun = isRepeated
      ? known
      : { ...requested, runId: crypto.randomUUID(), ...omitUndefined({ hasFailed: hasFailed ? true : undefined }) };
    if (key !== undefined) runsByKey.set(key, run);
    if (!isRepeated) {
      runs.push(run);
      if (!isNew && run.wakeMode === "now") heartbeats.push({ agent: run.agent, runId: run.runId });
      if (onRun && !hasFailed) execute(run, onRun);
    }
    const completion = { status: "ok", replyDisposition: "visible", delivered: false, deliveryAttempted: false };
    const { runId } = run;
    return [isNew ? 200 : 202, { ok: true, runId, ...omitUndefined({ completion: waitForCompletion && completion }) }];
  }

  /** An error in a run has no HTTP sign: the gateway only logs it. */
  function execute(run: GatewayRun, act: NonNullable<typeof onRun>) {
    const ended = new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => act(run))
      .catch((thrown: unknown) => void process.stderr.write(`A run of the simulated OpenClaw failed: ${thrown}\n`))
      .finally(() => activeRuns.delete(ended));
    activeRuns.add(ended);
  }

  function answerRequest(request: IncomingMessage, raw: string, fails: boolean): HookReply {
    const url = new URL(request.url ?? "/", "http://openclaw.test");
    if (url.pathname === "/startupz" && isNewVersion())
      return [phase === "started" ? 200 : 503, { ok: phase === "started", status: phase }];
    if (!url.pathname.startsWith("/hooks/")) return [404, "Not Found"];
    if (url.searchParams.has("token"))
      return [
        400,
        "Hook token must be provided via Authorization: Bearer <token> or X-OpenClaw-Token header (query parameters are not allowed).",
      ];
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if ((bearer ?? request.headers["x-openclaw-token"]) !== token) {
      wrongTokens += 1;
      const isLimited = wrongTokens > WRONG_TOKEN_LIMIT;
      return isLimited ? [429, "Too Many Requests", { "retry-after": "60" }] : [401, "Unauthorized"];
    }
    if (request.method !== "POST") return [405, "Method Not Allowed", { allow: "POST" }];
    if (raw.length > BODY_LIMIT) return [413, { ok: false, error: "payload too large" }];
    let json: unknown;
    try {
      json = JSON.parse(raw || "{}");
    } catch (thrown) {
      return [400, { ok: false, error: thrown instanceof Error ? thrown.message : String(thrown) }];
    }
    const key = request.headers["idempotency-key"];
    const name = url.pathname.replace("/hooks/", "");
    const answer = answerHook(settings, name, json, typeof key === "string" ? key : undefined);
    if (!("run" in answer)) return answer.reply;
    return phase === "started" ? startRun(answer.run, fails) : [503, NOT_STARTED];
  }

  function handleRequest(request: IncomingMessage, response: ServerResponse) {
    const fault = faults.shift();
    if (fault === "reset") return void request.socket.destroy();
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const raw = Buffer.concat(chunks).toString("utf8");
      if (typeof fault === "number")
        return sendReply(response, [fault, "", fault === 429 ? { "retry-after": "7" } : {}]);
      // 2026.2.26 was seen to break the connection instead of answering 413.
      if (raw.length > BODY_LIMIT && !isNewVersion()) return void request.socket.destroy();
      const reply = answerRequest(request, raw, fault === "no run");
      return fault === "silent" ? void request.socket.destroy() : sendReply(response, reply);
    });
  }

  return {
    token,
    /** All runs so far, including failed ones. */
    runs,
    /** The further model runs that the wake mode `now` has cost on 2026.2.26. */
    heartbeats,
    faults,
    /** Refuses wakes until it has `started`, but listens. */
    enterPhase(next: GatewayPhase) {
      phase = next;
    },
    /** Answers as this version from now on. */
    upgrade(newVersion: OpenClawVersion) {
      settings.version = newVersion;
    },
    /** Listens on `listenPort` (default: any free port, later the same one) and returns the value for `OPENCLAW_URL`. */
    async start(listenPort = port): Promise<string> {
      const starting = createServer(handleRequest);
      port = await listenLocally(starting, listenPort);
      server = starting;
      return `http://127.0.0.1:${port}`;
    },
    /** Refuses connections until `start`, which listens on the same port again. */
    async stop(): Promise<void> {
      const stopping = server;
      server = undefined;
      await closeLocalServer(stopping);
    },
    /** Resolves when no run is active. */
    async waitForRuns(): Promise<void> {
      while (activeRuns.size > 0) await Promise.all(activeRuns);
    },
  };
}

function sendReply(response: ServerResponse, [status, body, headers = {}]: HookReply) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const type = typeof body === "string" ? "text/plain" : "application/json";
  response.writeHead(status, { "content-type": `${type}; charset=utf-8`, ...headers }).end(text);
}

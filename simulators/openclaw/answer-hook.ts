import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";

/** The two versions of OpenClaw whose answers were recorded (`test/fixtures/openclaw-contract`). */
export type OpenClawVersion = "2026.9.6" | "2026.2.26";

/** An entry of `hooks.mappings`: a path of its own under /hooks/ whose agent and message the gateway's settings choose. */
export interface GatewayMapping {
  path: string;
  /** The mapping only matches requests whose `source` has this value. */
  source?: string;
  agentId?: string;
  /** `{{name}}` is replaced by that field of the request's body; a path such as `{{item.id}}` is possible. */
  messageTemplate: string;
  wakeMode?: WakeMode;
  deliver?: boolean;
  allowUnsafeExternalContent?: boolean;
}

/** The parts of OpenClaw's settings that decide its answers. */
export interface GatewaySettings {
  version: OpenClawVersion;
  agents: readonly string[];
  mappings: readonly GatewayMapping[];
  /** `hooks.allowedAgentIds`; default: all. */
  allowed: readonly string[] | undefined;
  /** `hooks.allowRequestSessionKey`. */
  sessionKeys: boolean;
}

export type WakeMode = "now" | "next-heartbeat";

/** A run that a request asks for. */
export interface RequestedRun {
  agent: string;
  message: string;
  wakeMode: WakeMode;
  /** Whether the run's last text is sent to the agent's chat channel. */
  deliver: boolean;
  /** Whether the gateway tells the model not to follow instructions in the message: false only for a trusted mapping. */
  isWrapped: boolean;
  idempotencyKey?: string;
  waitForCompletion?: true;
}

export type HookReply = [status: number, body: object | string, headers?: Record<string, string>];

/** The gateway refuses or answers without a run, or a run is to be started. */
export type HookAnswer = { reply: HookReply } | { run: RequestedRun };

const bodySchema = z.looseObject({
  message: z.string().optional(),
  text: z.string().optional(),
  mode: z.string().optional(),
  agentId: z.string().optional(),
  sessionKey: z.string().optional(),
  idempotencyKey: z.string().optional(),
  channel: z.string().optional(),
  source: z.string().optional(),
  wakeMode: z.string().optional(),
  deliver: z.boolean().optional(),
  waitForCompletion: z.unknown().optional(),
  sessionMode: z.string().optional(),
});
type HookBody = z.infer<typeof bodySchema>;

/** The fallback of 2026.2 for an agent that is not named. */
const DEFAULT_AGENT = "main";

/** Answers an authenticated POST to `/hooks/<name>` as the recorded version does. */
export function answerHook(settings: GatewaySettings, name: string, json: unknown, header?: string): HookAnswer {
  const body = bodySchema.parse(json);
  if (name === "wake") return { reply: answerWake(settings, body) };
  if (name === "agent") return answerAgent(settings, body, header);
  const mapping = settings.mappings.find(
    ({ path, source }) => path === name && (source === undefined || source === body.source),
  );
  return mapping ? answerMapping(mapping, body) : { reply: [404, "Not Found"] };
}

function answerWake({ version, agents }: GatewaySettings, { text, mode, agentId }: HookBody): HookReply {
  if (!text) return refuse("text required");
  if (version === "2026.2.26") return [200, { ok: true, mode: mode ?? "now" }];
  if (agentId === undefined) return refuse("agentId is required when multiple agents are configured");
  if (!agents.includes(agentId)) return refuse(`unknown agentId "${agentId}"`);
  return [200, { ok: true, mode: mode ?? "now", eventOutcome: "queued" }];
}

function answerAgent(settings: GatewaySettings, body: HookBody, header: string | undefined): HookAnswer {
  const isNew = settings.version === "2026.9.6";
  const { message, agentId = DEFAULT_AGENT } = body;
  const refusal = isNew ? findNewRefusal(settings, body) : findOldRefusal(settings, body);
  if (refusal !== undefined || !message) return { reply: refuse(refusal ?? "message required") };
  return {
    run: {
      agent: agentId,
      message,
      wakeMode: body.wakeMode === "next-heartbeat" ? "next-heartbeat" : "now",
      deliver: body.deliver ?? true,
      isWrapped: true,
      ...omitUndefined({
        idempotencyKey: header ?? body.idempotencyKey,
        waitForCompletion: isNew && body.waitForCompletion === true ? true : undefined,
      }),
    },
  };
}

/** The order is that of OpenClaw's source: the message is validated first, then the agent, then the session. */
function findNewRefusal({ agents, allowed, sessionKeys }: GatewaySettings, body: HookBody): string | undefined {
  const { message, agentId, waitForCompletion, channel } = body;
  if (waitForCompletion !== undefined && typeof waitForCompletion !== "boolean")
    return "waitForCompletion must be boolean";
  if (!message) return "message required";
  if (channel !== undefined && channel !== "last") return "channel must be last";
  if (agentId === undefined) return "agentId is required when multiple agents are configured";
  if (!agents.includes(agentId)) return `unknown agentId "${agentId}"`;
  if (allowed && !allowed.includes(agentId)) return "agentId is not allowed by hooks.allowedAgentIds";
  if (body.sessionKey !== undefined && !sessionKeys)
    return "sessionKey is disabled for externally supplied hook payload values; set hooks.allowRequestSessionKey=true to enable";
  return body.sessionMode === "persistent"
    ? "hooks.allowedSessionKeyPrefixes is required when direct hook sessionMode is persistent"
    : undefined;
}

function findOldRefusal({ sessionKeys }: GatewaySettings, { message, sessionKey }: HookBody): string | undefined {
  if (!message) return "message required";
  return sessionKey !== undefined && !sessionKeys
    ? "sessionKey is disabled for external /hooks/agent payloads; set hooks.allowRequestSessionKey=true to enable"
    : undefined;
}

/** A mapping takes agent, wake mode and delivery from the gateway's settings, whatever the request says. */
function answerMapping(mapping: GatewayMapping, body: HookBody): HookAnswer {
  const message = renderTemplate(mapping.messageTemplate, body).trim();
  if (message === "") return { reply: refuse("hook mapping requires message") };
  return {
    run: {
      agent: mapping.agentId ?? DEFAULT_AGENT,
      message,
      wakeMode: mapping.wakeMode ?? "now",
      deliver: mapping.deliver ?? true,
      isWrapped: mapping.allowUnsafeExternalContent !== true,
    },
  };
}

function renderTemplate(template: string, body: HookBody): string {
  return template.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, path: string) => {
    let value: unknown = body;
    for (const name of path.split("."))
      value = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
    return typeof value === "string" || typeof value === "number" ? String(value) : "";
  });
}

function refuse(error: string): HookReply {
  return [400, { ok: false, error }];
}

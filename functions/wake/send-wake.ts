import type { Deps } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { type PostResult, postJson } from "../../shared/outgoing/post-json.ts";
import { createSignedHeaders } from "../../shared/outgoing/signed-headers.ts";
import type { WakeTask } from "../../shared/wake/wake-record.ts";
import { readWakeMode, recordGatewayVersion } from "./gateway-version.ts";
import { renderTrustedWake, renderWakeMessage } from "./wake-message.ts";

type SendDeps = Pick<Deps, "fetch" | "clock" | "settings" | "store">;

/** OpenClaw's own hook, which tells the model that the message is not to be trusted. */
const AGENT_HOOK_PATH = "/hooks/agent";

/** Posts one wake. `id` lets a receiver recognise repeats. Undefined when the agent has no URL or token to post with. */
export async function sendWake(
  deps: SendDeps,
  agent: AgentSettings,
  id: string,
  tasks: readonly WakeTask[],
): Promise<PostResult | undefined> {
  const { wake } = agent;
  if (wake.kind === "none") return undefined;
  if (wake.kind === "webhook") {
    const now = deps.clock();
    const timestamp = new Date(now).toISOString();
    const payload = JSON.stringify({ type: "agent.wake", timestamp, data: { agent: agent.name, tasks } });
    return postJson(deps, wake.url, createSignedHeaders(wake.secret, id, now, payload), payload);
  }
  const { openclaw } = deps.settings;
  const { url = openclaw?.url, agent: agentId = agent.name.toLowerCase() } =
    "url" in wake || "agent" in wake ? wake : {};
  if (url === undefined || openclaw?.token === undefined) return undefined;
  return postToGateway(deps, { url: url.replace(/\/+$/, ""), token: openclaw.token }, agentId, id, tasks);
}

/**
 * Posts a wake to OpenClaw. A path of `hooks.mappings` passes its message to the model without a warning, so it gets our
 * own instructions and task keys only; a wish, which is a person's text, goes through OpenClaw's own hook in any case.
 */
async function postToGateway(
  deps: SendDeps,
  { url, token }: { url: string; token: string },
  agentId: string,
  id: string,
  tasks: readonly WakeTask[],
): Promise<PostResult> {
  const { path: hookPath, deliver } = deps.settings.openclawHook;
  const wakeMode = await readWakeMode(deps, url);
  const isTrusted = hookPath !== AGENT_HOOK_PATH && tasks.every(({ reason }) => reason !== "asked_for");
  const body = {
    message: isTrusted ? renderTrustedWake(tasks) : renderWakeMessage(tasks),
    name: "plane",
    agentId,
    // A mapping selects the agent by this field (`match.source`).
    source: agentId,
    deliver,
    wakeMode,
  };
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "idempotency-key": id };
  const target = `${url}${isTrusted ? hookPath : AGENT_HOOK_PATH}`;
  const result = await postJson(deps, target, headers, JSON.stringify(body));
  await recordGatewayVersion(deps, url, result.status);
  return result;
}

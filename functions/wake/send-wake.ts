import type { Deps } from "../../shared/app/deps.ts";
import type { Settings } from "../../shared/config/settings.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { type PostResult, postJson } from "../../shared/outgoing/post-json.ts";
import { createSignedHeaders } from "../../shared/outgoing/signed-headers.ts";
import type { WakeTask } from "../../shared/wake/wake-record.ts";
import { renderWakeMessage } from "./wake-message.ts";

/** Posts one wake. `id` lets a receiver recognise repeats. Undefined when the agent has no URL or token to post with. */
export async function sendWake(
  deps: Pick<Deps, "fetch" | "clock"> & { settings: Pick<Settings, "openclaw"> },
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
  const body = {
    message: renderWakeMessage(tasks),
    name: "plane",
    agentId,
    deliver: false,
    wakeMode: "now",
  };
  const headers = {
    authorization: `Bearer ${openclaw.token}`,
    "content-type": "application/json",
    "idempotency-key": id,
  };
  return postJson(deps, `${url.replace(/\/+$/, "")}/hooks/agent`, headers, JSON.stringify(body));
}

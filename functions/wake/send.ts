import type { Agent } from "../../shared/config/file.ts";
import type { Settings } from "../../shared/config.ts";
import type { Deps } from "../../shared/deps.ts";
import { type Posted, post } from "../../shared/outgoing/post.ts";
import { signedHeaders } from "../../shared/outgoing/signed.ts";
import type { WakeTask } from "../../shared/wake/kept.ts";
import { wakeMessage } from "./message.ts";

/** Posts one wake. `id` names it to a receiver that can tell repeats. Undefined: nothing to post to is set up. */
export async function sendWake(
  deps: Pick<Deps, "fetch" | "clock"> & { settings: Pick<Settings, "openclaw"> },
  agent: Agent,
  id: string,
  tasks: readonly WakeTask[],
): Promise<Posted | undefined> {
  const { wake } = agent;
  if (wake.kind === "none") return undefined;
  if (wake.kind === "webhook") {
    const now = deps.clock();
    const timestamp = new Date(now).toISOString();
    const payload = JSON.stringify({ type: "agent.wake", timestamp, data: { agent: agent.name, tasks } });
    return post(deps, wake.url, signedHeaders(wake.secret, id, now, payload), payload);
  }
  const { openclaw } = deps.settings;
  const { url = openclaw?.url, agent: agentId = agent.name.toLowerCase() } =
    "url" in wake || "agent" in wake ? wake : {};
  if (url === undefined || openclaw?.token === undefined) return undefined;
  const body = {
    message: wakeMessage(tasks),
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
  return post(deps, `${url.replace(/\/+$/, "")}/hooks/agent`, headers, JSON.stringify(body));
}

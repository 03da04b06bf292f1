import { z } from "zod";
import type { Settings } from "../../shared/config.ts";
import { messageOf } from "../../shared/errors.ts";
import { type Check, failed, ok, warning } from "./check.ts";
import type { AskDeps } from "./plane-ask.ts";

const LIMIT_MS = 10_000;

/** What the gateway said to one probe. */
export interface Probe {
  status: number;
  /** Its `error`, or the text it answered with. */
  said: string;
}

const refusal = z.object({ error: z.string() });

/** What 2026.9 says to a `waitForCompletion` that is no truth value, before it looks at anything else. */
const KNOWS_WAITING = /waitForCompletion must be boolean/;

/**
 * The gateways that agents are woken through: reachable, the token taken, and where the gateway tells without running
 * anything, whether it knows the agents. No probe wakes anybody: each lacks something that a run needs.
 */
export async function openclawChecks(deps: AskDeps, settings: Settings): Promise<Check[]> {
  const token = settings.openclaw?.token;
  const gateways = new Map<string, Woken[]>();
  for (const agent of wokenIn(settings)) {
    const { url } = agent;
    if (url !== undefined) gateways.set(url, [...(gateways.get(url) ?? []), agent]);
  }
  if (settings.openclaw?.url && gateways.size === 0) gateways.set(settings.openclaw.url, []);
  if (token === undefined) return [];
  const checks: Check[] = [];
  for (const [url, agents] of gateways) checks.push(...(await gatewayChecks(deps, url, token, agents)));
  return checks;
}

/** An agent that is woken through OpenClaw: its id there, and its gateway where one is set. */
export interface Woken {
  name: string;
  id: string;
  url: string | undefined;
}

export function wokenIn({ agents, openclaw }: Settings): Woken[] {
  return agents.flatMap(({ name, wake }) => {
    if (wake.kind !== "openclaw") return [];
    const url = ("url" in wake ? wake.url : undefined) ?? openclaw?.url;
    return [{ name, id: ("agent" in wake ? wake.agent : undefined) ?? name.toLowerCase(), url }];
  });
}

async function gatewayChecks(deps: AskDeps, url: string, token: string, agents: readonly Woken[]): Promise<Check[]> {
  const probe = (body: object) => post(deps, `${url.replace(/\/+$/, "")}/hooks/agent`, token, body);
  // Without a message nothing can be run.
  const first = await probe({ waitForCompletion: "groundcrew doctor" });
  const check = gatewayCheck(url, first);
  if (check.status !== "ok" || "unreachable" in first) return [check];
  if (agents.length === 0) return [check];
  if (!KNOWS_WAITING.test(first.said)) {
    const how = "`openclaw agents list` on its machine tells; what it does not know goes to its default agent.";
    return [check, warning("openclaw agents", "this version does not tell whether it knows an agent", how)];
  }
  const checks = [check];
  for (const { name, id } of agents) {
    // A run that is to be kept needs a session key that the gateway allows: this one is refused after the agent is found.
    const answer = await probe({
      ...{ message: "groundcrew doctor", agentId: id, deliver: false },
      ...{ sessionMode: "persistent", sessionKey: `groundcrew-doctor:${id}` },
    });
    checks.push(agentCheck(name, id, answer));
  }
  return checks;
}

async function post(
  { fetch }: AskDeps,
  url: string,
  token: string,
  body: object,
): Promise<Probe | { unreachable: string }> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      redirect: "manual",
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const text = (await response.text()).slice(0, 2_000).replaceAll(token, "[secret]");
    return { status: response.status, said: saidIn(text) };
  } catch (thrown) {
    return { unreachable: reasonOf(thrown) };
  }
}

function gatewayCheck(url: string, probe: Probe | { unreachable: string }): Check {
  const name = "openclaw";
  if ("unreachable" in probe)
    return failed(name, `${url} cannot be reached: ${probe.unreachable}`, "Start the gateway, or mend OPENCLAW_URL.");
  const { status, said } = probe;
  // So it answers to a request without a message, when the token is right.
  if (status === 400) return ok(name, `${url} takes the hook token`);
  if (status === 401 || status === 403)
    return failed(
      name,
      `${url} refuses the hook token (${status})`,
      "OPENCLAW_HOOK_TOKEN must be the gateway's hooks.token.",
    );
  if (status === 429)
    return failed(name, `${url} has seen too many wrong tokens (429)`, "Mend OPENCLAW_HOOK_TOKEN and wait a minute.");
  if (status === 404)
    return failed(name, `${url} has no /hooks/agent`, "Set hooks.enabled in OpenClaw; is it its gateway (port 18789)?");
  return failed(name, `${url} answers ${status} ${said.slice(0, 100)}`, "Is this OpenClaw's gateway?");
}

function agentCheck(name: string, id: string, probe: Probe | { unreachable: string }): Check {
  const about = `openclaw agent ${name}`;
  if ("unreachable" in probe) return failed(about, probe.unreachable, "Look at the gateway.");
  if (/unknown agentId/.test(probe.said))
    return failed(
      about,
      `the gateway knows no agent "${id}"`,
      "Add it to OpenClaw, or set wake.agent to its id there.",
    );
  if (/allowedAgentIds/.test(probe.said))
    return failed(about, `hooks may not wake "${id}"`, `Add "${id}" to hooks.allowedAgentIds in OpenClaw.`);
  if (/^(sessionKey|hooks\.allowed)/.test(probe.said)) return ok(about, `known as "${id}"; nobody was woken`);
  return warning(about, `the gateway said ${probe.status} ${probe.said.slice(0, 100)}`, "Look at the gateway's log.");
}

function saidIn(text: string): string {
  try {
    return refusal.parse(JSON.parse(text)).error;
  } catch {
    return text;
  }
}

function reasonOf(thrown: unknown): string {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if ("code" in error && typeof error.code === "string") return error.code;
  return messageOf(thrown);
}

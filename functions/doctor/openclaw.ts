import { z } from "zod";
import type { Settings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import type { QueryDeps } from "./plane-query.ts";

const TIMEOUT_MS = 10_000;

/** What the gateway said to one probe. */
export interface GatewayReply {
  status: number;
  /** Its `error`, or the text it answered with. */
  text: string;
}

const refusalSchema = z.object({ error: z.string() });

/** What 2026.9 says to a `waitForCompletion` that is no truth value, before it looks at anything else. */
const WAITING_SUPPORTED = /waitForCompletion must be boolean/;

/**
 * The gateways that agents are woken through: reachable, the token taken, and where the gateway tells without running
 * anything, whether it knows the agents. No probe wakes anybody: each lacks something that a run needs.
 */
export async function checkOpenclaw(deps: QueryDeps, settings: Settings): Promise<DoctorCheck[]> {
  const token = settings.openclaw?.token;
  const gateways = new Map<string, OpenclawAgent[]>();
  for (const agent of listOpenclawAgents(settings)) {
    const { url } = agent;
    if (url !== undefined) gateways.set(url, [...(gateways.get(url) ?? []), agent]);
  }
  if (settings.openclaw?.url && gateways.size === 0) gateways.set(settings.openclaw.url, []);
  if (token === undefined) return [];
  const checks: DoctorCheck[] = [];
  for (const [url, agents] of gateways) checks.push(...(await checkGateway(deps, url, token, agents)));
  return checks;
}

/** An agent that is woken through OpenClaw: its id there, and its gateway where one is set. */
export interface OpenclawAgent {
  name: string;
  id: string;
  url: string | undefined;
}

export function listOpenclawAgents({ agents, openclaw }: Settings): OpenclawAgent[] {
  return agents.flatMap(({ name, wake }) => {
    if (wake.kind !== "openclaw") return [];
    const url = ("url" in wake ? wake.url : undefined) ?? openclaw?.url;
    return [{ name, id: ("agent" in wake ? wake.agent : undefined) ?? name.toLowerCase(), url }];
  });
}

async function checkGateway(
  deps: QueryDeps,
  url: string,
  token: string,
  agents: readonly OpenclawAgent[],
): Promise<DoctorCheck[]> {
  const sendProbe = (body: object) => postProbe(deps, `${url.replace(/\/+$/, "")}/hooks/agent`, token, body);
  // Without a message nothing can be run.
  const first = await sendProbe({ waitForCompletion: "groundcrew doctor" });
  const check = toGatewayCheck(url, first);
  if (check.status !== "ok" || "unreachable" in first) return [check];
  if (agents.length === 0) return [check];
  if (!WAITING_SUPPORTED.test(first.text)) {
    const hint = "`openclaw agents list` on its machine tells; what it does not know goes to its default agent.";
    return [check, reportWarning("openclaw agents", "this version does not tell whether it knows an agent", hint)];
  }
  const checks = [check];
  for (const { name, id } of agents) {
    // A run that is to be kept needs a session key that the gateway allows: this one is refused after the agent is found.
    const answer = await sendProbe({
      message: "groundcrew doctor",
      agentId: id,
      deliver: false,
      sessionMode: "persistent",
      sessionKey: `groundcrew-doctor:${id}`,
    });
    checks.push(toAgentCheck(name, id, answer));
  }
  return checks;
}

async function postProbe(
  { fetch }: QueryDeps,
  url: string,
  token: string,
  body: object,
): Promise<GatewayReply | { unreachable: string }> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = (await response.text()).slice(0, 2_000).replaceAll(token, "[secret]");
    return { status: response.status, text: parseRefusal(text) };
  } catch (thrown) {
    return { unreachable: getErrorReason(thrown) };
  }
}

function toGatewayCheck(url: string, reply: GatewayReply | { unreachable: string }): DoctorCheck {
  const name = "openclaw";
  if ("unreachable" in reply)
    return reportFailure(
      name,
      `${url} cannot be reached: ${reply.unreachable}`,
      "Start the gateway, or mend OPENCLAW_URL.",
    );
  const { status, text } = reply;
  // So it answers to a request without a message, when the token is right.
  if (status === 400) return reportOk(name, `${url} takes the hook token`);
  if (status === 401 || status === 403)
    return reportFailure(
      name,
      `${url} refuses the hook token (${status})`,
      "OPENCLAW_HOOK_TOKEN must be the gateway's hooks.token.",
    );
  if (status === 429)
    return reportFailure(
      name,
      `${url} has seen too many wrong tokens (429)`,
      "Mend OPENCLAW_HOOK_TOKEN and wait a minute.",
    );
  if (status === 404)
    return reportFailure(
      name,
      `${url} has no /hooks/agent`,
      "Set hooks.enabled in OpenClaw; is it its gateway (port 18789)?",
    );
  return reportFailure(name, `${url} answers ${status} ${text.slice(0, 100)}`, "Is this OpenClaw's gateway?");
}

function toAgentCheck(name: string, id: string, reply: GatewayReply | { unreachable: string }): DoctorCheck {
  const checkName = `openclaw agent ${name}`;
  if ("unreachable" in reply) return reportFailure(checkName, reply.unreachable, "Look at the gateway.");
  if (/unknown agentId/.test(reply.text))
    return reportFailure(
      checkName,
      `the gateway knows no agent "${id}"`,
      "Add it to OpenClaw, or set wake.agent to its id there.",
    );
  if (/allowedAgentIds/.test(reply.text))
    return reportFailure(checkName, `hooks may not wake "${id}"`, `Add "${id}" to hooks.allowedAgentIds in OpenClaw.`);
  if (/^(sessionKey|hooks\.allowed)/.test(reply.text)) return reportOk(checkName, `known as "${id}"; nobody was woken`);
  return reportWarning(
    checkName,
    `the gateway said ${reply.status} ${reply.text.slice(0, 100)}`,
    "Look at the gateway's log.",
  );
}

function parseRefusal(text: string): string {
  try {
    return refusalSchema.parse(JSON.parse(text)).error;
  } catch {
    return text;
  }
}

function getErrorReason(thrown: unknown): string {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if ("code" in error && typeof error.code === "string") return error.code;
  return getErrorMessage(thrown);
}

import { z } from "zod";
import { getOpenclawId } from "../../shared/config/openclaw-agents.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import type { QueryDeps } from "./plane-query.ts";

/** Timeout for one request to a gateway: 10 s. */
const TIMEOUT_MS = 10_000;

/** Answer of the gateway to one probe. */
export interface GatewayReply {
  status: number;
  /** The answer's `error` field, or its whole text. */
  text: string;
}

const refusalSchema = z.object({ error: z.string() });

/** Answer of 2026.9 to a `waitForCompletion` that is not a boolean; it validates this field first. */
const WAITING_SUPPORTED = /waitForCompletion must be boolean/;

/**
 * Checks the gateways that wake agents: whether each is reachable, accepts the token and, where the gateway reports it
 * without starting a run, knows the agents. No probe wakes an agent, because each lacks something that a run needs.
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

/** An agent that OpenClaw wakes: `id` is its id there, `url` its gateway if one is set. */
export interface OpenclawAgent {
  name: string;
  id: string;
  url: string | undefined;
}

export function listOpenclawAgents({ agents, openclaw }: Settings): OpenclawAgent[] {
  return agents.flatMap(({ name, wake }) => {
    if (wake.kind !== "openclaw") return [];
    const url = ("url" in wake ? wake.url : undefined) ?? openclaw?.url;
    return [{ name, id: getOpenclawId({ name, wake }), url }];
  });
}

/** Checks one gateway with this token, and whether it knows the agents. */
export async function checkGateway(
  deps: QueryDeps,
  url: string,
  token: string,
  agents: readonly OpenclawAgent[],
): Promise<DoctorCheck[]> {
  const sendProbe = (body: object) => postProbe(deps, `${url.replace(/\/+$/, "")}/hooks/agent`, token, body);
  // A request without a message cannot start a run.
  const gatewayReply = await sendProbe({ waitForCompletion: "groundcrew doctor" });
  const check = toGatewayCheck(url, gatewayReply);
  if (check.status !== "ok" || "unreachable" in gatewayReply) return [check];
  if (agents.length === 0) return [check];
  if (!WAITING_SUPPORTED.test(gatewayReply.text)) {
    const hint = "Run `openclaw agents list` on its machine; wakes of unknown agents go to its default agent.";
    return [check, reportWarning("openclaw agents", "this version does not report whether it knows an agent", hint)];
  }
  const checks = [check];
  for (const { name, id } of agents) {
    // A persistent session needs a session key that the gateway allows. It checks the agent first and then refuses this
    // key.
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
      "Start the gateway, or fix OPENCLAW_URL.",
    );
  const { status, text } = reply;
  // This is its answer to a request without a message but with the right token.
  if (status === 400) return reportOk(name, `${url} accepts the hook token`);
  if (status === 401 || status === 403)
    return reportFailure(
      name,
      `${url} refuses the hook token (${status})`,
      "Set OPENCLAW_HOOK_TOKEN to the gateway's hooks.token.",
    );
  if (status === 429)
    return reportFailure(
      name,
      `${url} has received too many wrong tokens (429)`,
      "Fix OPENCLAW_HOOK_TOKEN and wait a minute.",
    );
  if (status === 404)
    return reportFailure(
      name,
      `${url} has no /hooks/agent`,
      "Set hooks.enabled in OpenClaw, and check that OPENCLAW_URL is its gateway (port 18789).",
    );
  return reportFailure(
    name,
    `${url} answers ${status} ${text.slice(0, 100)}`,
    "Check that OPENCLAW_URL is OpenClaw's gateway.",
  );
}

function toAgentCheck(name: string, id: string, reply: GatewayReply | { unreachable: string }): DoctorCheck {
  const checkName = `openclaw agent ${name}`;
  if ("unreachable" in reply)
    return reportFailure(checkName, `the gateway cannot be reached: ${reply.unreachable}`, "Check the gateway's log.");
  if (/unknown agentId/.test(reply.text))
    return reportFailure(
      checkName,
      `the gateway does not know the agent "${id}"`,
      "Add it to OpenClaw, or set wake.agent to its id there.",
    );
  if (/allowedAgentIds/.test(reply.text))
    return reportFailure(
      checkName,
      `hooks are not allowed to wake "${id}"`,
      `Add "${id}" to hooks.allowedAgentIds in OpenClaw.`,
    );
  if (/^(sessionKey|hooks\.allowed)/.test(reply.text)) return reportOk(checkName, `known as "${id}"; it was not woken`);
  return reportWarning(
    checkName,
    `the gateway answered ${reply.status} ${reply.text.slice(0, 100)}`,
    "Check the gateway's log.",
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

/** Checks of the gateways of OpenClaw, which wake agents, and of its version: how versions are written and compared. */

import { z } from "zod";
import { getOpenclawId, type Settings } from "../../shared/config/settings.ts";
import { findErrorCode, getErrorMessage } from "../../shared/errors.ts";
import { findGatewayUrl } from "../../shared/tasks/wakes.ts";
import { tryParseJson } from "../../shared/text.ts";
import { createReport, type Finding, type QueryDeps } from "./findings.ts";

/** Timeout for one request to a gateway: 10 s. */
const TIMEOUT_MS = 10_000;

/** Answer of the gateway to one probe; `text` is its `error` field, or all of it. */
type GatewayReply = { status: number; text: string } | { unreachable: string };

const refusalSchema = z.object({ error: z.string() });

/** Answer of 2026.9 to a `waitForCompletion` that is not a boolean; it validates this field first. */
const WAITING_SUPPORTED = /waitForCompletion must be boolean/;

/** A version of OpenClaw as npm and the image's tags write it: `2026.2.26`, `2026.7.1-2`, `2026.9.1-beta.1`. */
const VERSION = String.raw`\d{4}\.\d{1,2}\.\d{1,3}(?:-(?:\d{1,3}|beta\.\d{1,3}))?`;

/** Text before the tag (a registry's host may have a port), the version, and a variant of the image such as `-slim`. */
const PINNED = new RegExp(String.raw`^((?:[^\s@]*:)?v?)(${VERSION})((?:-[a-z]+)*)$`);

/**
 * Checks the gateways that wake agents: whether each is reachable, accepts the token and, where the gateway reports it
 * without starting a run, knows the agents. No probe wakes an agent, because each lacks something that a run needs.
 */
export async function checkOpenclaw(deps: QueryDeps, settings: Settings): Promise<Finding[]> {
  const { url, token } = settings.openclaw ?? {};
  if (token === undefined) return [];
  const agents = listOpenclawAgents(settings);
  const gateways = Map.groupBy(agents, (agent) => agent.url);
  gateways.delete(undefined);
  if (url && gateways.size === 0) gateways.set(url, []);
  const checks: Finding[] = [];
  for (const [gateway = "", woken] of gateways) checks.push(...(await checkGateway(deps, gateway, token, woken)));
  return checks;
}

/** An agent that OpenClaw wakes: `id` is its id there, `url` its gateway if one is set. */
export interface OpenclawAgent {
  name: string;
  id: string;
  url: string | undefined;
}

export function listOpenclawAgents(settings: Settings): OpenclawAgent[] {
  return settings.agents.flatMap((agent) => {
    const { name, wake } = agent;
    if (wake.kind !== "openclaw") return [];
    return [{ name, id: getOpenclawId({ name, wake }), url: findGatewayUrl({ settings }, agent) }];
  });
}

/** Checks one gateway with this token, and whether it knows the agents. `setting`: what has its address, for people. */
export async function checkGateway(
  deps: QueryDeps,
  url: string,
  token: string,
  agents: readonly OpenclawAgent[],
  { timeout = TIMEOUT_MS, setting = "OPENCLAW_URL" } = {},
): Promise<[gateway: Finding, ...agents: Finding[]]> {
  const sendProbe = async (body: object): Promise<GatewayReply> => {
    const reply = await postHook(deps.fetch, url, token, body, { timeout });
    if ("thrown" in reply) return { unreachable: findErrorCode(reply.thrown) ?? getErrorMessage(reply.thrown) };
    return { status: reply.status, text: parseRefusal(reply.text) };
  };
  // A request without a message cannot start a run.
  const reply = await sendProbe({ waitForCompletion: "groundcrew doctor" });
  const gateway = toGatewayCheck(url, reply, setting);
  if (gateway.status !== "ok" || agents.length === 0) return [gateway];
  if ("unreachable" in reply || !WAITING_SUPPORTED.test(reply.text)) {
    const { warning } = createReport("openclaw agents");
    const check = warning`this version does not report whether it knows an agent
      → Run \`openclaw agents list\` on its machine; wakes of unknown agents go to its default agent.`;
    return [gateway, check];
  }
  const checks: Finding[] = [];
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
  return [gateway, ...checks];
}

/** Posts to the hook of a gateway. The text of its answer is cut at 2,000 UTF-16 units and does not contain the token. */
export async function postHook(
  fetch: QueryDeps["fetch"],
  gateway: string,
  token: string,
  body: object,
  { timeout = TIMEOUT_MS, headers = {} } = {},
): Promise<{ status: number; text: string } | { thrown: unknown }> {
  try {
    const response = await fetch(`${gateway.replace(/\/+$/, "")}/hooks/agent`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      redirect: "manual",
      signal: AbortSignal.timeout(timeout),
    });
    const text = (await response.text()).slice(0, 2_000).replaceAll(token, "[secret]");
    return { status: response.status, text };
  } catch (thrown) {
    return { thrown };
  }
}

function toGatewayCheck(url: string, reply: GatewayReply, setting: string): Finding {
  const { ok, failed } = createReport("openclaw");
  if ("unreachable" in reply)
    return failed`${url} cannot be reached: ${reply.unreachable} → Start the gateway, or fix ${setting}.`;
  const { status, text } = reply;
  // This is its answer to a request without a message but with the right token.
  if (status === 400) return ok`${url} accepts the hook token`;
  if (status === 401 || status === 403)
    return failed`${url} refuses the hook token (${status})
      → Set OPENCLAW_HOOK_TOKEN to the gateway's hooks.token.`;
  if (status === 429)
    return failed`${url} has received too many wrong tokens (429) → Fix OPENCLAW_HOOK_TOKEN and wait a minute.`;
  if (status === 404)
    return failed`${url} has no /hooks/agent
      → Set hooks.enabled in OpenClaw, and check that ${setting} is its gateway (port 18789).`;
  return failed`${url} answers ${status} ${text.slice(0, 100)} → Check that ${setting} is OpenClaw's gateway.`;
}

function toAgentCheck(name: string, id: string, reply: GatewayReply): Finding {
  const { ok, warning, failed } = createReport(`openclaw agent ${name}`);
  if ("unreachable" in reply)
    return failed`the gateway cannot be reached: ${reply.unreachable} → Check the gateway's log.`;
  const { status, text } = reply;
  if (/unknown agentId/.test(text))
    return failed`the gateway does not know the agent "${id}" → Add it to OpenClaw, or set wake.agent to its id there.`;
  if (/allowedAgentIds/.test(text))
    return failed`hooks are not allowed to wake "${id}" → Add "${id}" to hooks.allowedAgentIds in OpenClaw.`;
  if (/^(sessionKey|hooks\.allowed)/.test(text)) return ok`known as "${id}"; it was not woken`;
  return warning`the gateway answered ${status} ${text.slice(0, 100)} → Check the gateway's log.`;
}

const parseRefusal = (text: string) => refusalSchema.safeParse(tryParseJson(text)).data?.error ?? text;

export function isOpenclawVersion(text: string): boolean {
  return new RegExp(`^${VERSION}$`).test(text);
}

/** Whether version `a` was released before `b`: `2026.9.1-beta.1` < `2026.9.1` < `2026.9.1-1`. Both must be versions. */
export function isOlderOpenclaw(a: string, b: string): boolean {
  const [left, right] = [toComparableParts(a), toComparableParts(b)];
  const index = left.findIndex((part, i) => part !== right[i]);
  return index >= 0 && (left[index] ?? 0) < (right[index] ?? 0);
}

/** Year, month, day, kind (beta, release, correction) and number within the kind. */
function toComparableParts(version: string): number[] {
  const [numbers = "", suffix] = version.split("-");
  const isBeta = suffix?.startsWith("beta.") ?? false;
  const kind = suffix === undefined ? 1 : isBeta ? 0 : 2;
  return [...numbers.split(".").map(Number), kind, Number(suffix?.replace("beta.", "") ?? 0)];
}

/** A pinned value in parts: `ghcr.io/openclaw/openclaw:2026.2.26-slim` or only `2026.2.26`. Undefined for other texts. */
export function parsePinnedValue(text: string): { before: string; version: string; after: string } | undefined {
  const [, before, version, after] = PINNED.exec(text) ?? [];
  if (before === undefined || version === undefined || after === undefined) return undefined;
  return { before, version, after };
}

/** The version in what `openclaw --version` prints: `2026.2.26`, or `OpenClaw 2026.9.6 (eb377ac)`. */
export function parseVersionOutput(output: string): string | undefined {
  const lines = output.split("\n").map((line) => line.trim());
  return lines.flatMap(
    (line) => new RegExp(`^(?:OpenClaw )?(${VERSION})(?: \\([0-9a-f]+\\))?$`).exec(line)?.[1] ?? [],
  )[0];
}

/** Compares the version of OpenClaw on this machine; undefined when it is not known. Says nothing without a warning. */
export function checkKnownOpenclaw(version: string | undefined, known: readonly string[] | undefined): Finding[] {
  if (version === undefined || known === undefined || known.includes(version)) return [];
  const { warning } = createReport("openclaw version");
  return [
    warning`${version}: Groundcrew was not tried with this version of OpenClaw, only with ${known.join(", ")}
      → Check that wakes, skill and tools work as expected. \`groundcrew openclaw upgrade\` tests a version before it
      stays.`,
  ];
}

import { type FileSettings, settingName } from "./file.ts";
import type { Problem } from "./problem.ts";
import type { Secrets } from "./secrets.ts";

/** Who a bridge token stands for. */
export interface AgentTokens {
  agent: string;
  role: "concierge" | "worker";
  /** Each is accepted: a token itself, or `sha256:` and its SHA-256 in 64 lower-case hex characters. */
  tokens: string[];
}

const PREFIX = "AGENT_TOKEN_";
const CONCIERGE: Omit<AgentTokens, "tokens"> = { agent: "Concierge", role: "concierge" };

/**
 * The bridge tokens by agent. `AGENT_TOKEN_CONCIERGE` is, where no agent has that name, for the one whose role it is,
 * and where there is none, for a Concierge without a Plane account of its own. A token for nobody opens nothing.
 */
export function agentTokens(secrets: Secrets, { agents }: Pick<FileSettings, "agents">): AgentTokens[] {
  const known = new Map<string, AgentTokens>();
  for (const [name, tokens] of secrets) {
    if (!name.startsWith(PREFIX)) continue;
    const setting = name.slice(PREFIX.length);
    const isConcierge = setting === settingName(CONCIERGE.agent);
    const found =
      agents.find((agent) => settingName(agent.name) === setting) ??
      (isConcierge ? agents.find(({ role }) => role === "concierge") : undefined);
    if (!found && !isConcierge) continue;
    const { agent, role } = found ? { agent: found.name, role: found.role ?? "worker" } : CONCIERGE;
    const before = known.get(agent)?.tokens ?? [];
    known.set(agent, { agent, role, tokens: [...before, ...tokens.map(normalised)] });
  }
  return [...known.values()];
}

/** Whether `AGENT_TOKEN_<setting>` opens anything. */
export function isForAnAgent(setting: string, agents: FileSettings["agents"]): boolean {
  return setting === settingName(CONCIERGE.agent) || agents.some(({ name }) => settingName(name) === setting);
}

/** A token says who calls, so no two may share one. */
export function sharedTokens(secrets: Secrets): Problem[] {
  const owners = new Map<string, string>();
  const given = [...secrets].filter(([name]) => /^(?:AGENT_TOKEN_.+|ADMIN_TOKEN|TICK_TOKEN)$/.test(name));
  return given.flatMap(([name, tokens]) =>
    tokens.map(normalised).flatMap((token) => {
      const owner = owners.get(token) ?? name;
      owners.set(token, owner);
      const isAgents = [name, owner].some((one) => one.startsWith(PREFIX));
      if (owner === name || !isAgents) return [];
      return [{ name, given: `a token that ${owner} holds as well`, wanted: "a token of its own" }];
    }),
  );
}

function normalised(token: string): string {
  return /^sha256:/i.test(token) ? token.toLowerCase() : token;
}

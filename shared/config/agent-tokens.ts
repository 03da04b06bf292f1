import type { Secrets } from "./secrets.ts";
import type { SettingProblem } from "./setting-problem.ts";
import { type FileSettings, toSettingName } from "./settings-file.ts";

/** The bridge tokens of one agent. */
export interface AgentTokens {
  agent: string;
  role: "concierge" | "worker";
  /** Every entry is accepted: a token itself, or `sha256:` and its SHA-256 in 64 lower-case hex characters. */
  tokens: string[];
}

const PREFIX = "AGENT_TOKEN_";
const CONCIERGE: Omit<AgentTokens, "tokens"> = { agent: "Concierge", role: "concierge" };

/**
 * Collects the bridge tokens by agent. Where no agent is named Concierge, `AGENT_TOKEN_CONCIERGE` belongs to the agent
 * with the role concierge; where no agent has that role, it belongs to a Concierge without a Plane account of its own.
 * A token of an agent that does not exist gives no access.
 */
export function collectAgentTokens(secrets: Secrets, { agents }: Pick<FileSettings, "agents">): AgentTokens[] {
  const tokensByAgent = new Map<string, AgentTokens>();
  for (const [name, tokens] of secrets) {
    if (!name.startsWith(PREFIX)) continue;
    const setting = name.slice(PREFIX.length);
    const isConcierge = setting === toSettingName(CONCIERGE.agent);
    const matchingAgent =
      agents.find((agent) => toSettingName(agent.name) === setting) ??
      (isConcierge ? agents.find(({ role }) => role === "concierge") : undefined);
    if (!matchingAgent && !isConcierge) continue;
    const { agent, role } = matchingAgent
      ? { agent: matchingAgent.name, role: matchingAgent.role ?? "worker" }
      : CONCIERGE;
    const earlierTokens = tokensByAgent.get(agent)?.tokens ?? [];
    tokensByAgent.set(agent, { agent, role, tokens: [...earlierTokens, ...tokens.map(normalizeToken)] });
  }
  return [...tokensByAgent.values()];
}

/** Whether `AGENT_TOKEN_<setting>` belongs to an agent, and therefore gives access. */
export function isAgentSetting(setting: string, agents: FileSettings["agents"]): boolean {
  return setting === toSettingName(CONCIERGE.agent) || agents.some(({ name }) => toSettingName(name) === setting);
}

/** Finds tokens that two agents, or an agent and an operator, share: a bridge token identifies the caller. */
export function findSharedTokens(secrets: Secrets): SettingProblem[] {
  const owners = new Map<string, string>();
  const tokenSecrets = [...secrets].filter(([name]) =>
    /^(?:AGENT_TOKEN_.+|ADMIN_TOKEN|TICK_TOKEN|RUNNER_TOKEN)$/.test(name),
  );
  return tokenSecrets.flatMap(([name, tokens]) =>
    tokens.map(normalizeToken).flatMap((token) => {
      const owner = owners.get(token) ?? name;
      owners.set(token, owner);
      const isAgentToken = [name, owner].some((setting) => setting.startsWith(PREFIX));
      if (owner === name || !isAgentToken) return [];
      return [{ name, given: `the same token as ${owner}`, wanted: "a different token" }];
    }),
  );
}

function normalizeToken(token: string): string {
  return /^sha256:/i.test(token) ? token.toLowerCase() : token;
}

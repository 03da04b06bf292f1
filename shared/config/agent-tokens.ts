import type { Secrets } from "./secrets.ts";
import type { SettingProblem } from "./setting-problem.ts";
import { type FileSettings, toSettingName } from "./settings-file.ts";

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

/** Whether `AGENT_TOKEN_<setting>` opens anything. */
export function isAgentSetting(setting: string, agents: FileSettings["agents"]): boolean {
  return setting === toSettingName(CONCIERGE.agent) || agents.some(({ name }) => toSettingName(name) === setting);
}

/** A token says who calls, so no two may share one. */
export function findSharedTokens(secrets: Secrets): SettingProblem[] {
  const owners = new Map<string, string>();
  const tokenSecrets = [...secrets].filter(([name]) => /^(?:AGENT_TOKEN_.+|ADMIN_TOKEN|TICK_TOKEN)$/.test(name));
  return tokenSecrets.flatMap(([name, tokens]) =>
    tokens.map(normalizeToken).flatMap((token) => {
      const owner = owners.get(token) ?? name;
      owners.set(token, owner);
      const isAgentToken = [name, owner].some((one) => one.startsWith(PREFIX));
      if (owner === name || !isAgentToken) return [];
      return [{ name, given: `a token that ${owner} holds as well`, wanted: "a token of its own" }];
    }),
  );
}

function normalizeToken(token: string): string {
  return /^sha256:/i.test(token) ? token.toLowerCase() : token;
}

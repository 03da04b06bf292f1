import { getMcpEntryName, getOpenclawId, getOpenclawTokenVariable } from "../../shared/config/openclaw-agents.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";

interface OpenclawTeam {
  agents: readonly Pick<AgentSettings, "name" | "role" | "wake">[];
  /** URL at which the agents reach Groundcrew. */
  address: string;
}

/**
 * The settings of OpenClaw 2026.9: an MCP entry per agent with its own token, the other agents' entries denied to each,
 * and the hooks that wake them. MCP entries belong to the gateway, so an agent could otherwise use the identity of
 * another. Secrets are names of environment variables.
 */
export function createOpenclawConfig({ agents, address }: OpenclawTeam) {
  const entries = agents.map((agent) => ({ id: getOpenclawId(agent), server: getMcpEntryName(agent.name), agent }));
  const servers = entries.map(({ server, agent }) => [
    server,
    {
      url: `${address}/mcp`,
      transport: "streamable-http",
      headers: { Authorization: `Bearer \${${getOpenclawTokenVariable(agent.name)}}` },
    },
  ]);
  const deny = (own: string) => entries.flatMap(({ server }) => (server === own ? [] : [`${server}__*`]));
  return {
    ...createSharedConfig({ agents, address }),
    mcp: { servers: Object.fromEntries(servers) },
    agents: {
      ownership: "explicit",
      entries: Object.fromEntries(entries.map(({ id, server }) => [id, { tools: { deny: deny(server) } }])),
    },
  };
}

/** The settings of OpenClaw 2026.2, which has a list of agents and refuses the key `mcp`: its agents use the skill. */
export function createOldOpenclawConfig({ agents, address }: OpenclawTeam) {
  const defaultAgent = agents.find(({ role }) => role === "concierge") ?? agents[0];
  return {
    ...createSharedConfig({ agents, address }),
    agents: {
      list: agents.map((agent) => ({
        id: getOpenclawId(agent),
        ...omitUndefined({ default: agent === defaultAgent || undefined }),
      })),
    },
  };
}

/** The hooks that wake agents, where any is woken through OpenClaw, and the address for the skill's commands. */
function createSharedConfig({ agents, address }: OpenclawTeam) {
  const wokenIds = agents.filter(({ wake }) => wake.kind === "openclaw").map(getOpenclawId);
  const hooks = { enabled: true, token: `\${OPENCLAW_HOOK_TOKEN}`, allowedAgentIds: wokenIds };
  return {
    ...omitUndefined({ hooks: wokenIds.length > 0 ? hooks : undefined }),
    skills: { entries: { "plane-bridge": { enabled: true, env: { GROUNDCREW_URL: address } } } },
  };
}

/** Lines of an environment file, as dotenv, systemd and Docker read them. */
export function formatOpenclawEnvironment(values: ReadonlyMap<string, string>): string {
  return [...values].map(([name, value]) => `${name}=${quoteValue(value)}\n`).join("");
}

/** Replaces the value of one variable; the text stays as it is when the variable is not in it. */
export function replaceOpenclawVariable(text: string, name: string, value: string): string {
  const line = new RegExp(`^${name}=.*$`, "m");
  return text.replace(line, () => `${name}=${quoteValue(value)}`);
}

/** Generated values need no quotes; in a given one, dotenv would read `#` as the beginning of a comment. */
function quoteValue(value: string): string {
  if (/^[\w.:/+=@%,~-]*$/.test(value)) return value;
  const quote = value.includes("'") ? '"' : "'";
  return `${quote}${value}${quote}`;
}

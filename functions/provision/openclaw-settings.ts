/**
 * OpenClaw's settings for the agents: a closed profile for each one, with its own tools of Groundcrew and the files of
 * its workspace, and nothing with which it could act as another agent or change the gateway.
 */

import { getMcpEntryName, getOpenclawId, getOpenclawTokenVariable } from "../../shared/config/settings.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { tryParseJson } from "../../shared/text.ts";

type OpenclawAgent = Pick<AgentSettings, "name" | "role" | "wake" | "shell">;

/** The agents of one gateway, and what its settings contain. */
interface OpenclawTeam {
  agents: readonly OpenclawAgent[];
  /** Groundcrew's own address. */
  address: string;
  /** The agents' bridge tokens by their names. In place of an unknown one stands a variable of the gateway's environment. */
  tokens: ReadonlyMap<string, string>;
  /** `hooks.token`; undefined when it is unknown. */
  hookToken: string | undefined;
}

/** `entries` belongs to 2026.9, which also accepts `list`, the only form of 2026.2. A gateway's settings have one form. */
type AgentsForm = "entries" | "list";

/** The path of `hooks.mappings` to which wakes are posted that contain Groundcrew's own text only. */
const MAPPING_PATH = "groundcrew";

/** The settings of 2026.9 in both forms of its section of agents. */
const SETTINGS_FILES = ["openclaw-2026.9.json", "openclaw-2026.9-list.json"] as const;

/** Tools for files, which `fs.workspaceOnly` confines to the agent's own workspace. */
const FILE_TOOLS = ["read", "write", "edit"];

const SHELL_TOOLS = ["exec", "process"];

/** One gateway's part; `isShared`: other agents run there. */
interface Gateway extends OpenclawTeam {
  isShared: boolean;
}

/** The settings of OpenClaw 2026.9. They contain tokens: each one in the MCP entry of its agent, and nowhere else. */
function createOpenclawConfig(team: Gateway, form: AgentsForm) {
  const servers = team.agents.map(({ name }) => [
    getMcpEntryName(name),
    {
      url: `${team.address}/mcp`,
      transport: "streamable-http",
      headers: { Authorization: `Bearer ${team.tokens.get(name) ?? `\${${getOpenclawTokenVariable(name)}}`}` },
    },
  ]);
  return {
    ...createSharedConfig(team, "now"),
    // Otherwise models find each tool by a search and a description, which doubles the tokens of a task.
    tools: { toolSearch: false },
    mcp: { servers: Object.fromEntries(servers) },
    agents: createAgents(team.agents, form, (agent) => createProfile(agent, team.isShared)),
  };
}

/**
 * The settings of OpenClaw 2026.2, which refuses the key `mcp`. Its agents use the skill with curl, so each has a
 * shell, which only OpenClaw's sandbox or a gateway of its own confines.
 */
function createOldOpenclawConfig(team: Gateway) {
  return {
    ...createSharedConfig(team, "next-heartbeat"),
    agents: createAgents(team.agents, "list", (agent) => ({
      tools: { allow: ["exec", ...FILE_TOOLS], fs: { workspaceOnly: true } },
      ...createSandbox(agent, team.isShared),
    })),
  };
}

function createAgents<P>(agents: readonly OpenclawAgent[], form: AgentsForm, createFor: (agent: OpenclawAgent) => P) {
  const profiles = agents.map((agent) => ({ id: getOpenclawId(agent), profile: createFor(agent) }));
  if (form === "entries")
    return { ownership: "explicit", entries: Object.fromEntries(profiles.map(({ id, profile }) => [id, profile])) };
  const main = Math.max(
    agents.findIndex(({ role }) => role === "concierge"),
    0,
  );
  return { list: profiles.map(({ id, profile }, i) => ({ id, ...(i === main && { default: true }), ...profile })) };
}

/**
 * The tools and the sandbox of one agent. A list of allowed tools also refuses those of versions to come; `write`
 * allows `apply_patch` with it, unless that is denied.
 */
function createProfile(agent: OpenclawAgent, isShared: boolean) {
  const allow = [`${getMcpEntryName(agent.name)}__*`, ...FILE_TOOLS, ...(agent.shell ? SHELL_TOOLS : [])];
  const { sandbox } = createSandbox(agent, isShared);
  // What runs in the sandbox has a second list of tools.
  const tools = {
    allow,
    deny: ["apply_patch"],
    fs: { workspaceOnly: true },
    ...(sandbox && { sandbox: { tools: { allow } } }),
  };
  return { tools, ...(sandbox && { sandbox }) };
}

/** An agent with a shell runs in a sandbox, unless the gateway is its own: the gateway's files hold all tokens. */
function createSandbox({ shell }: OpenclawAgent, isShared: boolean) {
  return shell && isShared ? { sandbox: { mode: "all", scope: "agent", workspaceAccess: "rw" } } : {};
}

/** The hooks that wake agents, where any is woken through OpenClaw, and the address for the skill's commands. */
function createSharedConfig({ agents, address, hookToken }: OpenclawTeam, wakeMode: string) {
  const wokenIds = agents.filter(({ wake }) => wake.kind === "openclaw").map(getOpenclawId);
  const hooks = {
    enabled: true,
    token: hookToken ?? `\${OPENCLAW_HOOK_TOKEN}`,
    allowedAgentIds: wokenIds,
    // OpenClaw's own path tells the model not to act on the message.
    mappings: wokenIds.map((id) => ({
      match: { path: MAPPING_PATH, source: id },
      action: "agent",
      agentId: id,
      messageTemplate: "{{message}}",
      wakeMode,
      deliver: false,
      allowUnsafeExternalContent: true,
    })),
  };
  return {
    ...omitUndefined({ hooks: wokenIds.length > 0 ? hooks : undefined }),
    skills: { entries: { "plane-bridge": { enabled: true, env: { GROUNDCREW_URL: address } } } },
  };
}

/**
 * The settings files for OpenClaw by their names below `openclaw/`. An agent that is woken through another gateway than
 * the one at `mainUrl` has files of its own there, so that no gateway holds the token of another's agent.
 */
export function createOpenclawFiles(team: OpenclawTeam, mainUrl: string | undefined): Map<string, object> {
  const getUrl = ({ wake }: OpenclawAgent) => (wake.kind === "openclaw" && "url" in wake ? wake.url : undefined);
  const isApart = (agent: OpenclawAgent) => ![undefined, mainUrl].includes(getUrl(agent));
  const main = team.agents.filter((agent) => !isApart(agent));
  const files = new Map<string, object>();
  const add = (agents: readonly OpenclawAgent[], folder: string, isShared: boolean) => {
    const gateway = { ...team, agents, isShared };
    files.set(`${folder}${SETTINGS_FILES[0]}`, createOpenclawConfig(gateway, "entries"));
    files.set(`${folder}${SETTINGS_FILES[1]}`, createOpenclawConfig(gateway, "list"));
    files.set(`${folder}openclaw-2026.2.json`, createOldOpenclawConfig(gateway));
  };
  if (main.length > 0) add(main, "", main.length > 1);
  for (const agent of team.agents.filter(isApart)) {
    const sharing = team.agents.filter((other) => getUrl(other) === getUrl(agent));
    add([agent], getOpenclawFolder(agent.name), sharing.length > 1);
  }
  return files;
}

const getOpenclawFolder = (agent: string) => `${agent.toLowerCase()}/`;

/** The files below `openclaw/` that may contain this agent's token. */
export const listTokenFiles = (agent: string): string[] =>
  ["", getOpenclawFolder(agent)].flatMap((folder) => SETTINGS_FILES.map((name) => `${folder}${name}`));

/** The settings with another token in the MCP entry of this agent; undefined when they have no such entry. */
export function replaceOpenclawToken(text: string, agent: string, token: string): string | undefined {
  const config = tryParseJson(text) as ReturnType<typeof createOpenclawConfig> | undefined;
  const entry = config?.mcp?.servers?.[getMcpEntryName(agent)];
  if (!entry) return undefined;
  entry.headers.Authorization = `Bearer ${token}`;
  return `${JSON.stringify(config, null, 2)}\n`;
}

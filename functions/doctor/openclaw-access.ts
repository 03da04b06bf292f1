import { z } from "zod";
import { getMcpEntryName, getOpenclawId, getOpenclawTokenVariable } from "../../shared/config/openclaw-agents.ts";
import { toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { sha256Hex } from "../../shared/hashing/sha256-hex.ts";
import { keepDefined } from "../../shared/keep-defined.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import { loadOpenclawConfig, type OpenclawConfigFiles } from "./openclaw-config-file.ts";
import { isGroundcrewEntry } from "./openclaw-mcp.ts";

const toolsSchema = z.looseObject({ allow: z.array(z.string()).optional(), deny: z.array(z.string()).optional() });
const agentSchema = z.looseObject({ tools: toolsSchema.optional() });
const configSchema = z.looseObject({
  tools: toolsSchema.optional(),
  agents: z
    .looseObject({
      entries: z.record(z.string(), agentSchema).optional(),
      list: z.array(agentSchema.extend({ id: z.string() })).optional(),
    })
    .optional(),
  mcp: z
    .looseObject({
      servers: z
        .record(
          z.string(),
          z.looseObject({
            url: z.string().optional(),
            enabled: z.boolean().optional(),
            headers: z.record(z.string(), z.unknown()).optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});
type OpenclawConfig = z.output<typeof configSchema>;

interface McpEntry {
  server: string;
  /** The agent of Groundcrew whose token it sends; undefined when it is unknown. */
  owner: string | undefined;
  hasLiteralToken: boolean;
}

const CHECK_NAME = "openclaw identities";

/**
 * Checks in OpenClaw's settings that no agent can use another agent's MCP entry, which would give it that agent's
 * identity: entries belong to the gateway, and only `tools.deny` binds them to an agent.
 */
export async function checkOpenclawAccess(files: OpenclawConfigFiles, settings: Settings): Promise<DoctorCheck[]> {
  const loaded = loadOpenclawConfig(files);
  if (loaded === undefined) return [];
  const hint = "Set OPENCLAW_CONFIG to the path of OpenClaw's openclaw.json.";
  if ("problem" in loaded) return [reportFailure(CHECK_NAME, loaded.problem, hint)];
  const parsed = configSchema.safeParse(loaded.config);
  if (!parsed.success)
    return [
      reportFailure(
        CHECK_NAME,
        `${files.path} is not a settings file of OpenClaw`,
        `${hint} See \`openclaw config validate\`.`,
      ),
    ];
  const entries = await listMcpEntries(parsed.data, settings);
  if (entries.length === 0)
    return files.isConfigured
      ? [
          reportOk(
            CHECK_NAME,
            `${files.path} has no MCP entry for Groundcrew; agents use the skill with their own token`,
          ),
        ]
      : [];
  return [...checkReach(parsed.data, entries, files.path, settings), ...checkLiteralTokens(entries)];
}

/** The enabled entries that lead to Groundcrew or send a token of one of its agents. */
async function listMcpEntries({ mcp }: OpenclawConfig, settings: Settings): Promise<McpEntry[]> {
  const servers = Object.entries(mcp?.servers ?? {}).filter(([, { enabled = true }]) => enabled);
  const entries = await Promise.all(
    servers.map(async ([server, { url = "", headers = {} }]) => {
      const header = Object.entries(headers).find(([name]) => name.toLowerCase() === "authorization")?.[1];
      const token = /^Bearer\s+(\S+)$/i.exec(typeof header === "string" ? header : "")?.[1];
      const variable = /^\$\{(\w+)\}$/.exec(token ?? "")?.[1];
      const tokenOwner = await findTokenOwner(token, variable, settings);
      if (tokenOwner === undefined && !isGroundcrewEntry(server, url, settings)) return undefined;
      const owner = tokenOwner ?? settings.agents.find(({ name }) => getMcpEntryName(name) === server)?.name;
      return { server, owner, hasLiteralToken: token !== undefined && variable === undefined };
    }),
  );
  return keepDefined(entries);
}

/** The agent whose token this is; `variable` is the name of the environment variable that holds it. */
async function findTokenOwner(
  token: string | undefined,
  variable: string | undefined,
  { agents, agentTokens }: Settings,
): Promise<string | undefined> {
  const hash = token && `sha256:${await sha256Hex(token)}`;
  const byToken = agentTokens.find(({ tokens }) => tokens.some((known) => known === token || known === hash))?.agent;
  return byToken ?? agents.find(({ name }) => getOpenclawTokenVariable(name) === variable)?.name;
}

function checkReach(config: OpenclawConfig, entries: McpEntry[], path: string, settings: Settings): DoctorCheck[] {
  const agents = listConfiguredAgents(config);
  const reach = agents.map(({ id, tools }) => ({
    id,
    owner: settings.agents.find((agent) => getOpenclawId(agent) === id)?.name,
    reached: entries.filter(({ server }) => canReach(server, keepDefined([config.tools, tools]))),
  }));
  const shared = entries.filter((entry) => reach.filter(({ reached }) => reached.includes(entry)).length > 1);
  const violations = reach.flatMap(({ id, owner, reached }) => {
    const foreign = reached.filter((entry) =>
      entry.owner === undefined ? shared.includes(entry) : entry.owner !== owner,
    );
    return foreign.length > 0 ? [`${id} can use ${foreign.map(({ server }) => server).join(", ")}`] : [];
  });
  if (violations.length > 0)
    return [
      reportFailure(
        CHECK_NAME,
        `agents can act under another agent's identity: ${violations.join("; ")}`,
        `In ${path}, give each agent its own MCP entry and deny it all others: agents.entries.<id>.tools.deny: ["groundcrew-<other>__*", …]. \`npm run provision\` writes these settings to ${toPathBesideSecrets(settings.secretsFile, "openclaw/openclaw-2026.9.json")}.`,
      ),
    ];
  const cutOff = reach.filter(
    ({ owner, reached }) => entries.some((entry) => owner === entry.owner) && reached.length === 0,
  );
  if (cutOff.length > 0)
    return [
      reportWarning(
        CHECK_NAME,
        `no agent can use another's entry, but these cannot use their own: ${cutOff.map(({ id }) => id).join(", ")}`,
        `Remove the agent's own entry from its tools.deny in ${path}.`,
      ),
    ];
  return [reportOk(CHECK_NAME, `${entries.length} MCP entries; no agent can use another's (${path})`)];
}

function checkLiteralTokens(entries: readonly McpEntry[]): DoctorCheck[] {
  const literal = entries.filter(({ hasLiteralToken }) => hasLiteralToken).map(({ server }) => server);
  if (literal.length === 0) return [];
  return [
    reportWarning(
      CHECK_NAME,
      `a token stands in OpenClaw's settings itself: ${literal.join(", ")}`,
      `Write "Bearer \${NAME}" there, and put the token into the gateway's environment, for example ~/.openclaw/.env of mode 0600.`,
    ),
  ];
}

/** Without configured agents OpenClaw has one, called main. */
function listConfiguredAgents({ agents }: OpenclawConfig) {
  const entries = Object.entries(agents?.entries ?? {}).map(([id, agent]) => ({ ...agent, id }));
  const all = [...entries, ...(agents?.list ?? [])];
  return all.length > 0 ? all : [{ id: "main", tools: undefined }];
}

/** Whether any of a server's tools is left by these allow and deny lists. Groups of tools count as containing it. */
function canReach(server: string, lists: readonly z.output<typeof toolsSchema>[]): boolean {
  // Stands for all tools of the server: only a pattern for all of them matches it.
  const anyTool = `${server}__\u0000`.toLowerCase();
  return lists.every(({ allow, deny }) => {
    if (deny?.some((pattern) => toPattern(pattern).test(anyTool))) return false;
    const isPossiblyAllowed = (pattern: string) =>
      toPattern(pattern).test(anyTool) ||
      pattern.toLowerCase().startsWith(`${server}__`.toLowerCase()) ||
      /^group:|^bundle-mcp$/.test(pattern);
    return allow === undefined || allow.length === 0 || allow.some(isPossiblyAllowed);
  });
}

/** A pattern of OpenClaw, in which `*` stands for any characters. */
function toPattern(pattern: string): RegExp {
  const parts = pattern.toLowerCase().split(/\*+/);
  return new RegExp(`^${parts.map((part) => part.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&")).join("[^]*")}$`);
}

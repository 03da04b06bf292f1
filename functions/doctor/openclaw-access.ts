/**
 * Checks of OpenClaw's settings on this machine: that each agent reaches only its own token and entry. The settings
 * file is JSON5 and may include others.
 */

import JSON5 from "json5";
import { z } from "zod";
import { toPathBesideSecrets } from "../../shared/config/secrets.ts";
import {
  getMcpEntryName,
  getOpenclawId,
  getOpenclawTokenVariable,
  type Settings,
} from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/hashing.ts";
import { keepDefined } from "../../shared/omit-undefined.ts";
import { collectFindings, createReport, type Finding } from "./findings.ts";
import { isGroundcrewEntry } from "./openclaw-skill.ts";

/** OpenClaw's settings on this machine. */
export interface OpenclawConfigFiles {
  path: string;
  /** Whether OPENCLAW_CONFIG names it; otherwise it need not exist. */
  isConfigured: boolean;
  /** Text of a file; undefined when it does not exist. Throws when it cannot be read. */
  read: (path: string) => string | undefined | Promise<string | undefined>;
  /** The path of an included file, which is relative to the including one. */
  resolve: (from: string, path: string) => string;
}

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

type McpEntry = Awaited<ReturnType<typeof listMcpEntries>>[number];

const { ok, warning, failed } = createReport("openclaw identities");

/** Limit of files that include each other: 10, so that a loop ends. */
const MAX_DEPTH = 10;

class MissingFileError extends Error {}

/**
 * Checks in OpenClaw's settings that no agent can use another agent's MCP entry, which would give it that agent's
 * identity: entries belong to the gateway, and only `tools.deny` binds them to an agent.
 */
export async function checkOpenclawAccess(files: OpenclawConfigFiles, settings: Settings): Promise<Finding[]> {
  const loaded = await loadOpenclawConfig(files);
  if (loaded === undefined) return [];
  const hint = "Set OPENCLAW_CONFIG to the path of OpenClaw's openclaw.json.";
  if ("problem" in loaded) return [failed`${loaded.problem} → ${hint}`];
  const { data: config } = configSchema.safeParse(loaded.config);
  if (!config)
    return [failed`${files.path} is not a settings file of OpenClaw → ${hint} See \`openclaw config validate\`.`];
  const entries = await listMcpEntries(config, settings);
  if (entries.length > 0)
    return collectFindings(checkReach(config, entries, files.path, settings), checkLiteralTokens(entries));
  return collectFindings(
    files.isConfigured && ok`${files.path} has no MCP entry for Groundcrew; agents use the skill with their own token`,
  );
}

/** The enabled entries that lead to Groundcrew or send a token of one of its agents. */
async function listMcpEntries({ mcp }: OpenclawConfig, settings: Settings) {
  const servers = Object.entries(mcp?.servers ?? {}).filter(([, { enabled = true }]) => enabled);
  const entries = await Promise.all(
    servers.map(async ([server, { url = "", headers = {} }]) => {
      const header = Object.entries(headers).find(([name]) => name.toLowerCase() === "authorization")?.[1];
      const token = /^Bearer\s+(\S+)$/i.exec(typeof header === "string" ? header : "")?.[1];
      const variable = /^\$\{(\w+)\}$/.exec(token ?? "")?.[1];
      const tokenOwner = await findTokenOwner(token, variable, settings);
      if (tokenOwner === undefined && !isGroundcrewEntry(server, url, settings)) return undefined;
      // The agent of Groundcrew whose token it sends; undefined when it is unknown.
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

function checkReach(config: OpenclawConfig, entries: McpEntry[], path: string, settings: Settings): Finding {
  const reach = listConfiguredAgents(config).map(({ id, tools }) => ({
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
  const prepared = toPathBesideSecrets(settings.secretsFile, "openclaw/openclaw-2026.9.json");
  if (violations.length > 0)
    return failed`agents can act under another agent's identity: ${violations.join("; ")}
      → In ${path}, give each agent its own MCP entry and deny it all others: agents.entries.<id>.tools.deny:
      ["groundcrew-<other>__*", …]. \`npm run provision\` writes these settings to ${prepared}.`;
  const cutOff = reach.filter(
    ({ owner, reached }) => entries.some((entry) => owner === entry.owner) && reached.length === 0,
  );
  if (cutOff.length > 0)
    return warning`no agent can use another's entry, but these cannot use their own: ${cutOff.map(({ id }) => id).join(", ")}
      → Remove the agent's own entry from its tools.deny in ${path}.`;
  return ok`${entries.length} MCP entries; no agent can use another's (${path})`;
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

function checkLiteralTokens(entries: readonly McpEntry[]): Finding | undefined {
  const literal = entries.filter(({ hasLiteralToken }) => hasLiteralToken).map(({ server }) => server);
  if (literal.length === 0) return undefined;
  return warning`a token stands in OpenClaw's settings itself: ${literal.join(", ")}
    → Write "Bearer \${NAME}" there, and put the token into the gateway's environment, for example ~/.openclaw/.env of
    mode 0600.`;
}

/**
 * Reads the settings and the files they include. Returns undefined when there are none and OPENCLAW_CONFIG is not set.
 * No problem quotes the text, which may contain secrets.
 */
export async function loadOpenclawConfig(
  files: OpenclawConfigFiles,
): Promise<{ config: unknown } | { problem: string } | undefined> {
  let path = files.path;

  async function load(from: string, depth: number): Promise<unknown> {
    path = from;
    const text = await files.read(from);
    if (text === undefined) throw new MissingFileError();
    const parsed = JSON5.parse<unknown>(text);
    if (!isRecord(parsed) || parsed["$include"] === undefined) return parsed;
    if (depth >= MAX_DEPTH) throw new Error("too many files include each other");
    const { $include, ...own } = parsed;
    const parts: unknown[] = [];
    for (const name of [$include].flat()) parts.push(await load(files.resolve(from, String(name)), depth + 1));
    return [...parts, own].reduce(mergeConfigs);
  }

  try {
    return { config: await load(files.path, 0) };
  } catch (thrown) {
    if (thrown instanceof MissingFileError) {
      if (path === files.path && !files.isConfigured) return undefined;
      return { problem: `${path} does not exist` };
    }
    const reason = thrown instanceof SyntaxError ? "it is not valid JSON5" : getErrorMessage(thrown);
    return { problem: `${path} cannot be read: ${reason}` };
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Merges settings as OpenClaw does: objects by key, lists one after the other, other values from the second. */
function mergeConfigs(first: unknown, second: unknown): unknown {
  if (Array.isArray(first) && Array.isArray(second)) return [...first, ...second];
  if (!isRecord(first) || !isRecord(second)) return second;
  const keys = new Set([...Object.keys(first), ...Object.keys(second)]);
  return Object.fromEntries(
    [...keys].map((key) => [
      key,
      key in first && key in second ? mergeConfigs(first[key], second[key]) : (second[key] ?? first[key]),
    ]),
  );
}

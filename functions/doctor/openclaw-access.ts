/**
 * Checks of OpenClaw on this machine: that each agent reaches only its own token, entry and files. The settings are
 * JSON5 and may include others; a running gateway tells which tools it offers.
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
import { listOpenclawAgents } from "./openclaw.ts";
import { findAnswer, isGroundcrewEntry, type SkillReader } from "./openclaw-skill.ts";

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

/** What runs on this machine, besides the settings. */
interface RunningOpenclaw {
  reader: Pick<SkillReader, "readTools">;
  version: string | undefined;
}

/** How an agent's tools are confined. */
interface AgentConfinement {
  /** The policies that apply to it, the gateway's first. */
  policies: readonly ToolPolicy[];
  /** Every run is in a container that no other agent uses. */
  isSandboxed: boolean;
}

/** A way to what is another's, and the tools that lead there. */
interface Reach {
  subject: string;
  tools: readonly string[];
  /** Harmless in a sandbox. */
  isConfined?: boolean;
  /** Harmless where tools for files see the workspace only. */
  isFileAccess?: boolean;
}

/** A part of OpenClaw's settings: whatever it has, and these fields in this form if they are there. */
const part = <S extends z.ZodRawShape>(fields: S) => z.looseObject(fields).partial();

const namesSchema = z.array(z.string());

/** A list of tools, and of those that it allows in addition or denies. */
const toolPolicySchema = part({
  ...{ profile: z.string(), allow: namesSchema, alsoAllow: namesSchema, deny: namesSchema },
  fs: part({ workspaceOnly: z.boolean() }),
});

type ToolPolicy = z.output<typeof toolPolicySchema>;

const agentSchema = part({ tools: toolPolicySchema, sandbox: part({ mode: z.string(), scope: z.string() }) });

const mappingSchema = part({ match: part({ source: z.string() }), allowUnsafeExternalContent: z.boolean() });

const serverSchema = part({ url: z.string(), enabled: z.boolean(), headers: z.record(z.string(), z.unknown()) });

const configSchema = part({
  tools: part({ ...toolPolicySchema.shape, toolSearch: z.unknown() }),
  hooks: part({ mappings: z.array(mappingSchema) }),
  agents: part({
    defaults: agentSchema.pick({ sandbox: true }),
    entries: z.record(z.string(), agentSchema),
    list: z.array(agentSchema.extend({ id: z.string() })),
  }),
  mcp: part({ servers: z.record(z.string(), serverSchema) }),
});

type OpenclawConfig = z.output<typeof configSchema>;

type McpEntry = Awaited<ReturnType<typeof listMcpEntries>>[number];

/** Answer of the gateway's method `tools.effective`. */
const effectiveToolsSchema = z.object({
  groups: z.array(z.object({ tools: z.array(z.object({ id: z.string() })) })),
});

const { ok, warning, failed } = createReport("openclaw identities");

/** OpenClaw's groups of tools, as far as they lead to what is another's, by the tools of 2026.2 and 2026.9. */
const GROUPS = {
  runtime: ["exec", "process", "bash", "code_execution"],
  fs: ["read", "write", "edit", "apply_patch"],
  sessions: [
    ...["sessions", "sessions_list", "sessions_history", "sessions_search", "sessions_send", "sessions_spawn"],
    ...["conversations_list", "conversations_send", "conversations_turn", "subagents"],
  ],
  ui: ["browser", "terminal"],
  automation: ["automations", "cron", "gateway", "plugins", "openclaw"],
  nodes: ["nodes", "computer"],
  media: ["view_image", "image", "pdf"],
};

/** What OpenClaw's profiles contain. Their `gateway` only updates, so it is not counted. */
const PROFILES: Record<string, readonly string[]> = {
  minimal: [],
  coding: ["group:fs", "group:runtime", "group:sessions", "automations", "cron", "view_image"],
  messaging: ["group:sessions"],
};

/** What no agent of a shared gateway may reach, and the tools that lead there. */
const REACHES: readonly Reach[] = [
  { subject: "the tokens of other agents", tools: GROUPS.runtime, isConfined: true },
  {
    ...{ subject: "files outside its workspace", tools: [...GROUPS.fs, ...GROUPS.media] },
    ...{ isConfined: true, isFileAccess: true },
  },
  { subject: "the gateway's machine", tools: ["terminal", "browser", "computer", "nodes"] },
  { subject: "the gateway's settings", tools: ["gateway", "openclaw", "plugins"] },
  { subject: "other agents' sessions", tools: [...GROUPS.sessions, "automations", "cron"] },
];

/** Limit of files that include each other: 10, so that a loop ends. */
const MAX_DEPTH = 10;

class MissingFileError extends Error {}

/**
 * Checks that no agent of OpenClaw can act as another one: by its settings, in which entries of MCP and files belong to
 * the whole gateway and only an agent's own tools bind them, and by the tools that the running gateway offers it.
 */
export async function checkOpenclawAccess(
  files: OpenclawConfigFiles,
  settings: Settings,
  { reader, version }: RunningOpenclaw,
): Promise<Finding[]> {
  const loaded = await loadOpenclawConfig(files);
  if (loaded === undefined) return [];
  const hint = "Set OPENCLAW_CONFIG to the path of OpenClaw's openclaw.json.";
  if ("problem" in loaded) return [failed`${loaded.problem} → ${hint}`];
  const { data: config } = configSchema.safeParse(loaded.config);
  if (!config)
    return [failed`${files.path} is not a settings file of OpenClaw → ${hint} See \`openclaw config validate\`.`];
  const entries = await listMcpEntries(config, settings);
  if (entries.length === 0 && !files.isConfigured && listOpenclawAgents(settings).length === 0) return [];
  const prepared = toPathBesideSecrets(settings.secretsFile, "openclaw/openclaw-2026.9.json");
  const agents = listConfiguredAgents(config);
  if (entries.length === 0) return [checkSkillOnly(agents, prepared, version)];
  const reached = [checkReach(config, entries, files.path, settings)];
  if (agents.length > 1) {
    const [offered, isTold] = await listOffered(agents, entries, settings, reader);
    const open = agents.flatMap(({ id, confinement }) => listReaches(confinement).map((reach) => `${id}: ${reach}`));
    const found = [...new Set([...open, ...offered])];
    if (found.length > 0)
      reached.push(failed`agents can reach what is not theirs: ${found.join("; ")}
        → Give each agent the tools.allow and tools.fs of ${prepared}. An agent that needs commands: set its
        \`shell\` in Groundcrew's settings file and run \`npm run provision\` again.`);
    else if (isTold) reached.push(ok`the gateway offers no agent more than its own tools`);
    else reached.push(ok`by their settings the agents reach nothing else; the gateway was not asked`);
  }
  return collectFindings(...reached, ...(await checkLeftovers(files, config, entries, settings, prepared)));
}

/** Agents without an entry of MCP call Groundcrew with curl, for which they need a shell. */
function checkSkillOnly(agents: readonly ConfiguredAgent[], prepared: string, version: string | undefined): Finding {
  const open = agents.filter(({ confinement }) => agents.length > 1 && listReaches(confinement).length > 0);
  if (open.length === 0) return ok`no MCP entry for Groundcrew; each agent uses the skill in a sandbox or alone`;
  const names = open.map(({ id }) => id).join(", ");
  if (version?.startsWith("2026.2."))
    return warning`with the skill each agent needs a shell, in which it can read other agents' tokens: ${names}
      → OpenClaw 2026.2 cannot prevent it without its sandbox (agents.list[].sandbox.mode "all") or a gateway for each
      agent. Upgrade to 2026.9, whose agents use MCP.`;
  return failed`agents use the skill with curl and can read other agents' tokens: ${names}
    → Move them to MCP: install ${prepared} as docs/agents.md says, remove .groundcrew/token from each workspace and
    GROUNDCREW_TOKEN_… from the gateway's environment, and restart the gateway.`;
}

/** What the running gateway offers beyond each agent's own, and whether it told at all. */
async function listOffered(
  agents: readonly ConfiguredAgent[],
  entries: readonly McpEntry[],
  settings: Settings,
  reader: RunningOpenclaw["reader"],
) {
  const offered: string[] = [];
  for (const { id, confinement } of agents) {
    const output = await reader.readTools(id);
    // A gateway that is away or a version that does not tell would cost its timeout for each agent.
    if (!output || "failure" in output) return [offered, false] as const;
    const answer = findAnswer(effectiveToolsSchema, output.out);
    if (!answer) return [offered, false] as const;
    const tools = answer.groups.flatMap((group) => group.tools.map((tool) => tool.id));
    const foreign = entries.filter(
      ({ server, owner }) => owner !== findOwner(settings, id) && tools.some((tool) => tool.startsWith(`${server}__`)),
    );
    const reaches = [...listOpenReaches(tools, confinement), ...foreign.map(({ server }) => `the tools of ${server}`)];
    offered.push(...reaches.map((reach) => `${id}: ${reach}`));
  }
  return [offered, true] as const;
}

/** What works, but was left by an older installation or costs more than it must. */
async function checkLeftovers(
  files: OpenclawConfigFiles,
  { hooks, tools }: OpenclawConfig,
  entries: readonly McpEntry[],
  settings: Settings,
  prepared: string,
): Promise<Finding[]> {
  const readEnvironment = async () => files.read(files.resolve(files.path, ".env"));
  const environment = (await readEnvironment().catch(() => undefined)) ?? "";
  const inEnvironment = settings.agents.map(({ name }) => getOpenclawTokenVariable(name));
  const shared = inEnvironment.filter((name) => new RegExp(`^(?:export )?${name}=`, "m").test(environment));
  const variables = [...new Set([...shared, ...keepDefined(entries.map(({ variable }) => variable))])];
  const isMapped = (id: string) =>
    hooks?.mappings?.some(
      ({ match, allowUnsafeExternalContent }) => match?.source === id && allowUnsafeExternalContent,
    );
  const wrapped = listOpenclawAgents(settings).filter(({ id, url }) => url === settings.openclaw?.url && !isMapped(id));
  return collectFindings(
    variables.length > 0 &&
      warning`tokens are in the gateway's environment, which every command sees: ${variables.join(", ")}
        → Take the entries of ${prepared}, which contain the tokens, and remove these variables.`,
    wrapped.length > 0 &&
      warning`wakes reach these agents with a notice not to act on them: ${wrapped.map(({ id }) => id).join(", ")}
        → Add their hooks.mappings of ${prepared}.`,
    tools?.toolSearch !== false &&
      warning`agents find each tool by a search, which doubles the tokens of a task
        → Set tools.toolSearch to false in ${files.path}.`,
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
      return { server, owner, variable };
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
  const reach = listConfiguredAgents(config).map(({ id, confinement }) => ({
    id,
    owner: findOwner(settings, id),
    reached: entries.filter(({ server }) => canReachServer(server, confinement.policies)),
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
      → In ${path}, give each agent its own MCP entry, and allow it no other: agents.entries.<id>.tools.allow:
      ["groundcrew-<id>__*", …]. \`npm run provision\` writes these settings to ${prepared}.`;
  const cutOff = reach.filter(
    ({ owner, reached }) => entries.some((entry) => owner === entry.owner) && reached.length === 0,
  );
  if (cutOff.length > 0)
    return warning`no agent can use another's entry, but these cannot use their own: ${cutOff.map(({ id }) => id).join(", ")}
      → Add the agent's own entry to its tools.allow in ${path}.`;
  return ok`${entries.length} MCP entries; no agent can use another's (${path})`;
}

/** The agent of Groundcrew with this id in OpenClaw. */
const findOwner = ({ agents }: Settings, id: string) => agents.find((agent) => getOpenclawId(agent) === id)?.name;

interface ConfiguredAgent {
  id: string;
  confinement: AgentConfinement;
}

/** Without configured agents OpenClaw has one, called main. */
function listConfiguredAgents({ agents, tools }: OpenclawConfig): ConfiguredAgent[] {
  const entries = Object.entries(agents?.entries ?? {}).map(([id, agent]) => ({ ...agent, id }));
  const all = [...entries, ...(agents?.list ?? [])];
  const configured = all.length > 0 ? all : [{ id: "main", tools: undefined, sandbox: undefined }];
  return configured.map((agent) => {
    const { mode, scope = "agent" } = { ...agents?.defaults?.sandbox, ...agent.sandbox };
    const isSandboxed = mode === "all" && scope !== "shared";
    return { id: agent.id, confinement: { policies: keepDefined([tools, agent.tools]), isSandboxed } };
  });
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

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Merges settings as OpenClaw does: objects by key, lists one after the other, other values from the second. */
function mergeConfigs(first: unknown, second: unknown): unknown {
  if (Array.isArray(first) && Array.isArray(second)) return [...first, ...second];
  if (!isRecord(first) || !isRecord(second)) return second;
  const merge = ([key, value]: [string, unknown]) => [key, key in first ? mergeConfigs(first[key], value) : value];
  const merged = Object.entries(second).map(merge);
  return { ...first, ...Object.fromEntries(merged) };
}

/** Each subject that the agent can reach, with the tools that lead there: `the gateway's settings (gateway)`. */
function listReaches({ policies, isSandboxed }: AgentConfinement): string[] {
  const isInWorkspace = policies.findLast(({ fs }) => fs?.workspaceOnly !== undefined)?.fs?.workspaceOnly === true;
  return keepDefined(
    REACHES.map(({ subject, tools, isConfined, isFileAccess }) => {
      if ((isConfined && isSandboxed) || (isFileAccess && isInWorkspace)) return undefined;
      const open = tools.filter((tool) => policies.every((policy) => isToolAllowed(policy, tool)));
      return open.length > 0 ? `${subject} (${open.join(", ")})` : undefined;
    }),
  );
}

/** The same by the tools that a running gateway offers. They are what remains of all policies that it knows. */
function listOpenReaches(tools: readonly string[], { policies, isSandboxed }: AgentConfinement): string[] {
  const fs = policies.flatMap((policy) => (policy.fs ? [{ fs: policy.fs }] : []));
  return listReaches({ policies: [...fs, { allow: ["-", ...tools] }], isSandboxed });
}

/** Whether one policy leaves this tool. A list of allowed tools extends the profile of its own place. */
function isToolAllowed({ profile, allow = [], alsoAllow = [], deny = [] }: ToolPolicy, tool: string): boolean {
  if (matchesAny(deny, tool)) return false;
  const base = profile === undefined ? undefined : PROFILES[profile];
  const isInProfile = base === undefined || matchesAny([...base, ...alsoAllow], tool);
  return isInProfile && (allow.length === 0 || matchesAny(allow, tool));
}

function matchesAny(patterns: readonly string[], tool: string): boolean {
  return patterns.some((pattern) => {
    const group = /^group:(\w+)$/i.exec(pattern)?.[1]?.toLowerCase();
    if (group === undefined) return toPattern(pattern).test(tool);
    // `group:openclaw` has all built-in tools but those for files and commands.
    if (group === "openclaw") return ![...GROUPS.fs, ...GROUPS.runtime].includes(tool) && !tool.includes("__");
    return Object.entries(GROUPS).some(([name, tools]) => name === group && tools.includes(tool));
  });
}

/** Whether any of a server's tools is left by these policies. Groups of plugins count as containing it. */
function canReachServer(server: string, policies: readonly ToolPolicy[]): boolean {
  // Stands for all tools of the server: only a pattern for all of them matches it.
  const anyTool = `${server}__\u0000`.toLowerCase();
  return policies.every(({ allow = [], deny = [] }) => {
    if (deny.some((pattern) => toPattern(pattern).test(anyTool))) return false;
    const isPossiblyAllowed = (pattern: string) =>
      toPattern(pattern).test(anyTool) ||
      pattern.toLowerCase().startsWith(`${server}__`.toLowerCase()) ||
      /^(?:group:plugins|bundle-mcp)$/.test(pattern);
    return allow.length === 0 || allow.some(isPossiblyAllowed);
  });
}

/** A pattern of OpenClaw, in which `*` stands for any characters. */
function toPattern(pattern: string): RegExp {
  const parts = pattern.toLowerCase().split(/\*+/);
  return new RegExp(`^${parts.map((part) => part.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&")).join("[^]*")}$`);
}

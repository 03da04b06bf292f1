/**
 * The settings of the product: environment, secrets and settings file are read, checked together and composed into one
 * object, with the bridge tokens by which agents are known and their names in OpenClaw. Every problem is reported at
 * once, with its place and what is wanted.
 */

import { z } from "zod";
import { findNearestName } from "../names.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { tryParseJson } from "../text.ts";
import { DEFAULT_SECRETS_FILE, ENVIRONMENT_NAMES, type Environment, environmentSchema } from "./environment.ts";
import {
  type Findings,
  gatherSecrets,
  PROVISION_SECRET_NAMES,
  parseAgentSuffix,
  readConnectionFile,
  SECRET_NAMES,
  type Secrets,
  type SettingsFiles,
  toPathBesideSecrets,
} from "./secrets.ts";
import { formatSettingValue, type SettingProblem } from "./setting-problem.ts";
import { type AgentSettings, type FileSettings, parseSettingsFile, toSettingName } from "./settings-file.ts";

/** All settings, validated. */
export type Settings = ReturnType<typeof composeSettings>;

/** How Groundcrew reaches Plane. */
export type PlaneSettings = NonNullable<Settings["plane"]>;

export type TelegramSettings = NonNullable<Settings["telegram"]>;

export type ParsedSettings =
  | { ok: true; settings: Settings; warnings: string[] }
  | { ok: false; problems: SettingProblem[] };

/** The bridge tokens of one agent. */
export interface AgentTokens {
  agent: string;
  role: "concierge" | "worker";
  /** Every entry is accepted: a token itself, or `sha256:` and its SHA-256 in 64 lower-case hex characters. */
  tokens: string[];
}

/** Secrets that are URLs: only the passwords in them are secret. */
const URL_SECRETS = ["STORE_URL", "PLANE_REDIS_URL", "BACKUP_DATABASE_URL"];

const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

const PREFIX = "AGENT_TOKEN_";

const CONCIERGE_TOKEN = `${PREFIX}CONCIERGE`;

const CONCIERGE: Omit<AgentTokens, "tokens"> = { agent: "Concierge", role: "concierge" };

/** The part of a settings file that says whether it mentions agents, and how many. */
const agentsSchema = z.object({ agents: z.array(z.unknown()) });

const OWN_PREFIXES = /^(PLANE|TELEGRAM|GROUNDCREW|STORE)_/;

/**
 * Reads all settings from the environment and the files it names. Files are read through `files` only.
 * Reports all problems at once; none contains a secret's value.
 */
export function parseSettings(environment: Record<string, string | undefined>, files: SettingsFiles): ParsedSettings {
  const { env, plain, secrets, file, problems, unknown, warnings } = readSettingsParts(environment, files);
  const hasPrefix = (prefix: string) =>
    [...Object.keys(env), ...secrets.keys()].some((name) => name.startsWith(prefix));
  const enabled = { plane: hasPrefix("PLANE_") || hasPrefix("TELEGRAM_"), telegram: hasPrefix("TELEGRAM_") };
  // A secret that a refused file may contain is not missing.
  const isFileRefused = problems.some(({ name }) => name.startsWith("SECRETS_FILE"));
  const isKnown = (name: string) =>
    name in env || `${name}_FILE` in env || secrets.has(name) || (isFileRefused && SECRET_NAMES.includes(name));
  const requireSettings = (names: readonly string[], reason: string) => {
    for (const name of names)
      if (!isKnown(name) && !problems.some((problem) => problem.name === name))
        problems.push({ name, given: "nothing", wanted: `a value, because ${reason}` });
  };
  const why = hasPrefix("PLANE_")
    ? "other PLANE_* settings are set"
    : "TELEGRAM_* is set, and Telegram has no use without Plane";
  if (enabled.plane) requireSettings(["PLANE_URL", "PLANE_API_KEY", "PLANE_WORKSPACE"], why);
  if (enabled.telegram)
    requireSettings(["TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"], "other TELEGRAM_* settings are set");
  if (env["TELEGRAM_MODE"] === "webhook" && !env["PUBLIC_URL"])
    problems.push({ name: "TELEGRAM_MODE", given: "webhook without PUBLIC_URL", wanted: "PUBLIC_URL, or polling" });
  const { METRICS_PORT: metricsPort = "0", PORT: port = "8787" } = env;
  if (metricsPort !== "0" && metricsPort === port)
    problems.push({ name: "METRICS_PORT", given: formatSettingValue(port), wanted: "a port other than PORT" });

  if (!plain || !file || problems.length > 0) return { ok: false, problems: [...problems, ...unknown] };
  const settings = composeSettings(plain, secrets, file, enabled);
  const notSettings = unknown.map(({ name, wanted }) => `${name} is not a setting (${wanted})`);
  return { ok: true, settings, warnings: [...warnings, ...notSettings, ...findSettingsWarnings(settings, secrets)] };
}

/** Settings that are valid, but probably not what the operator intended. */
function findSettingsWarnings(settings: Settings, secrets: Secrets): string[] {
  const { plane, telegram } = settings;
  const unusedNames = [...secrets.keys()].filter((name) => {
    const agent = parseAgentSuffix(name);
    const isKnown = settings.agents.some((known) => toSettingName(known.name) === agent);
    return agent !== undefined && !isKnown && name !== CONCIERGE_TOKEN;
  });
  const warnings = unusedNames.map((name) => `${name} is not used: no agent in GROUNDCREW_CONFIG has this name`);
  warnings.push(...findWakeWarnings(settings));
  if (!plane) return warnings;
  if (plane.webhookSecrets.length === 0)
    warnings.push("PLANE_WEBHOOK_SECRET is not set: webhooks are refused, and changes are found only by polling");
  if (!telegram) warnings.push("TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID are not set: no messages are sent");
  if (settings.adminTokens.length === 0)
    warnings.push("ADMIN_TOKEN is not set: /ready, /metrics and /dead-letters refuse every request");
  return warnings;
}

function findWakeWarnings({ agents, openclaw }: Settings): string[] {
  const woken = agents.flatMap(({ name, wake }) =>
    wake.kind === "openclaw" ? [{ name, url: "url" in wake && wake.url }] : [],
  );
  const warn = (setting: string, concerned: typeof woken) => {
    const names = concerned.map(({ name }) => name).join(", ");
    return names === "" ? [] : [`${setting} is not set: ${names} cannot be woken`];
  };
  if (!openclaw?.token) return warn("OPENCLAW_HOOK_TOKEN", woken);
  return warn("OPENCLAW_URL", openclaw.url ? [] : woken.filter(({ url }) => !url));
}

/**
 * Reads the parts that the settings are composed of: the environment, the file in which provision stored its settings,
 * and the files that these name. Files are read through `files` only. An empty value counts as absent. A part is absent
 * when it is invalid; `problems` then says why. `unknown`: variables with one of our prefixes that are no settings.
 */
export function readSettingsParts(environment: Record<string, string | undefined>, files: SettingsFiles) {
  const ownEnv = removeEmptyValues(environment);
  const secretsFile = ownEnv["SECRETS_FILE"] ?? DEFAULT_SECRETS_FILE;
  const findings: Findings = { problems: [], warnings: [] };
  const env = { ...removeEmptyValues(readConnectionFile(secretsFile, files, findings)), ...ownEnv };
  const parsedEnvironment = environmentSchema.safeParse(env);
  if (!parsedEnvironment.success) findings.problems.push(...toEnvironmentProblems(parsedEnvironment.error.issues, env));
  const secrets = gatherSecrets(env, secretsFile, files, findings);
  const configFile = env["GROUNDCREW_CONFIG"] ?? findDefaultConfigFile(secretsFile, files);
  const file = readSettingsFile(configFile, files, findings);
  if (configFile !== undefined && file?.agents.length === 0)
    findings.warnings.push(...findForgottenAgents(configFile, secretsFile, files));
  findings.problems.push(...findSharedTokens(secrets), ...findSharedRedis(secrets));
  const parts = omitUndefined({ plain: parsedEnvironment.data, file });
  return { env, secrets, ...parts, ...findings, unknown: findUnknownNames(env) };
}

function removeEmptyValues(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : [])),
  );
}

/** Converts the issues of the environment's schema to problems, one per setting. */
function toEnvironmentProblems(
  issues: readonly { path: PropertyKey[] }[],
  env: Record<string, string>,
): SettingProblem[] {
  const names = new Set(issues.map((issue) => String(issue.path[0])));
  const shape: Record<string, { description?: string | undefined }> = environmentSchema.shape;
  return [...names].map((name) => {
    const withoutApiPath = env[name]?.replace(/\/api(\/v1)?\/*$/, "");
    const hint =
      name === "PLANE_URL" && withoutApiPath !== env[name] ? `: try ${formatSettingValue(withoutApiPath)}` : "";
    const wanted = `${shape[name]?.description ?? "another value"}${hint}`;
    return { name, given: formatSettingValue(env[name]), wanted };
  });
}

function readSettingsFile(
  path: string | undefined,
  files: SettingsFiles,
  { problems, warnings }: Findings,
): FileSettings | undefined {
  if (path === undefined) return parseSettingsFile("{}").settings;
  let given = formatSettingValue(path);
  let file: ReturnType<SettingsFiles["read"]>;
  try {
    file = files.read(path);
  } catch (thrown) {
    if (thrown instanceof RangeError) given = thrown.message;
  }
  if (!file) {
    problems.push({ name: "GROUNDCREW_CONFIG", given, wanted: "the path of a readable file" });
    return undefined;
  }
  const parsed = parseSettingsFile(file.text);
  problems.push(...parsed.problems);
  const { forward = [], agents = [] } = parsed.settings ?? {};
  const holdsSecrets = forward.length > 0 || agents.some(({ wake }) => wake.kind === "webhook");
  if (holdsSecrets && file.mode & 0o077)
    warnings.push(`${path} contains secrets and can be read by others on this machine: chmod 600 ${path}`);
  return parsed.settings;
}

/**
 * A warning when the settings file does not mention agents, and a file that provision wrote has them. Provision writes
 * them beside a settings file of its own name, or beside SECRETS_FILE. `"agents": []` is a team of nobody on purpose.
 */
function findForgottenAgents(path: string, secretsFile: string, files: SettingsFiles): string[] {
  const countAgents = (other: string): number | undefined => {
    try {
      return agentsSchema.safeParse(tryParseJson(files.read(other)?.text ?? "")).data?.agents.length;
    } catch {
      return undefined;
    }
  };
  if (countAgents(path) !== undefined) return [];
  const places = [`${path}.agents`, toPathBesideSecrets(secretsFile, "groundcrew.json")];
  const other = places.find((place) => (countAgents(place) ?? 0) > 0);
  if (other === undefined) return [];
  return [
    `${path} (GROUNDCREW_CONFIG) has no "agents", so nobody works, but ${other}, which provision wrote, has ` +
      `${countAgents(other)}: copy "agents" from there to ${path}, or write "agents": [] there for a team of nobody`,
  ];
}

/** The settings file that provision writes in the folder of SECRETS_FILE; undefined when it does not exist. */
function findDefaultConfigFile(secretsFile: string, files: SettingsFiles): string | undefined {
  const path = toPathBesideSecrets(secretsFile, "groundcrew.json");
  try {
    return files.read(path) ? path : undefined;
  } catch {
    return path;
  }
}

/** Finds tokens that two agents, or an agent and an operator, share: a bridge token identifies the caller. */
function findSharedTokens(secrets: Secrets): SettingProblem[] {
  const owners = new Map<string, string>();
  const isToken = /^(?:AGENT_TOKEN_.+|ADMIN_TOKEN|TICK_TOKEN|ALERTS_TOKEN|RUNNER_TOKEN)$/;
  const tokens = [...secrets].flatMap(([name, values]) =>
    isToken.test(name) ? values.map((value) => ({ name, token: normalizeToken(value) })) : [],
  );
  return tokens.flatMap(({ name, token }) => {
    const owner = owners.get(token) ?? name;
    owners.set(token, owner);
    if (owner === name || !(name + owner).includes(PREFIX)) return [];
    return [{ name, given: `the same token as ${owner}`, wanted: "a different token" }];
  });
}

/** Refuses Plane's database in Redis as the store: Plane's API empties it at each start, with all keys in it. */
function findSharedRedis(secrets: Secrets): SettingProblem[] {
  const [store, plane] = ["STORE_URL", "PLANE_REDIS_URL"].map((name) => toRedisDatabase(secrets.get(name)?.[0]));
  if (store === undefined || store !== plane) return [];
  const given = `the database of Plane's Redis (${store}), which Plane's API empties at each start`;
  return [{ name: "STORE_URL", given, wanted: "another database, as in redis://host:6379/2" }];
}

/** Returns the host, port and number of a database in Redis, without user and password. */
function toRedisDatabase(url: string | undefined): string | undefined {
  if (url === undefined || !/^rediss?:/.test(url) || !URL.canParse(url)) return undefined;
  const { hostname, port, pathname, searchParams } = new URL(url);
  const host = LOOPBACK_HOSTS.includes(hostname) ? "localhost" : hostname.toLowerCase();
  return `${host}:${port || "6379"}/${pathname.slice(1) || searchParams.get("db") || "0"}`;
}

function normalizeToken(token: string): string {
  return /^sha256:/i.test(token) ? token.toLowerCase() : token;
}

/** Environment variables with one of our prefixes that are not settings: a typo must not be ignored silently. */
function findUnknownNames(env: Record<string, string>): SettingProblem[] {
  const secrets = [...SECRET_NAMES, ...PROVISION_SECRET_NAMES];
  const known = [...ENVIRONMENT_NAMES, ...secrets, ...secrets.map((name) => `${name}_FILE`)];
  return Object.keys(env)
    .filter((name) => OWN_PREFIXES.test(name) && !known.includes(name) && !parseAgentSuffix(name))
    .map((name) => {
      const nearest = findNearestName(name, known);
      return { name, given: "an unknown name", wanted: nearest ? `did you mean ${nearest}?` : "remove it" };
    });
}

/** Composes the settings from parts that were checked and have no problems. */
export function composeSettings(
  env: Environment,
  secrets: Secrets,
  file: FileSettings,
  enabled: { plane: boolean; telegram: boolean },
) {
  const getValues = (name: string) => secrets.get(name) ?? [];
  const getFirstValue = (name: string) => getValues(name)[0] ?? "";
  const plane = {
    /** Without `/api/v1` and without a slash at the end. */
    url: env.PLANE_URL ?? "",
    apiKey: getFirstValue("PLANE_API_KEY"),
    /** API keys of the agents' own accounts, by the agent's name. */
    agentKeys: collectAgentKeys(secrets, file),
    workspace: env.PLANE_WORKSPACE ?? "",
    /** Identifiers such as `ONB`; empty means all. */
    projects: env.PLANE_PROJECTS,
    /** Every entry is accepted. When empty, webhooks are refused and changes are found by polling only. */
    webhookSecrets: getValues("PLANE_WEBHOOK_SECRET"),
    /** Requests per minute and key. */
    rateLimit: env.PLANE_RATE_LIMIT,
  };
  const telegram = {
    token: getFirstValue("TELEGRAM_BOT_TOKEN"),
    chat: env.TELEGRAM_CHAT_ID ?? "",
    webhookSecrets: getValues("TELEGRAM_WEBHOOK_SECRET"),
    /** Numeric ids of users; empty means no one. */
    allowedUsers: env.TELEGRAM_ALLOWED_USERS,
    /** How updates arrive: Telegram calls our webhook, or we poll. */
    mode: env.TELEGRAM_MODE ?? (env.PUBLIC_URL ? "webhook" : "polling"),
    apiRoot: env.TELEGRAM_API_ROOT,
  };
  const openclaw = omitUndefined({ url: env.OPENCLAW_URL, token: getValues("OPENCLAW_HOOK_TOKEN")[0] });
  const publicHost = env.PUBLIC_URL ? [new URL(env.PUBLIC_URL).hostname] : [];
  return {
    ...file,
    /** True when neither Plane nor Telegram is configured: the demo runs on simulated servers. */
    demo: !enabled.plane,
    host: env.HOST,
    /** 0: any free port. */
    port: env.PORT,
    /** Lower-case host names; a name without a port matches every port. */
    allowedHosts: env.ALLOWED_HOSTS ?? [...publicHost, ...LOOPBACK_HOSTS],
    /** Origins of other dashboards, whose scripts may call `/api`. */
    allowedOrigins: env.ALLOWED_ORIGINS,
    /** CIDR blocks. */
    trustedProxies: env.TRUSTED_PROXIES,
    store: { url: getValues("STORE_URL")[0] ?? "file:./data", prefix: env.STORE_PREFIX },
    ...omitUndefined({
      metricsPort: env.METRICS_PORT,
      /** An origin, for example `https://crew.example.com`. */
      publicUrl: env.PUBLIC_URL,
      /** The folder with the backups, for their age and size. */
      backupFolder: env.BACKUP_FOLDER,
      plane: enabled.plane ? plane : undefined,
      telegram: enabled.telegram ? telegram : undefined,
      /** The OpenClaw gateway that wakes agents, and its `hooks.token`. */
      openclaw: openclaw.url || openclaw.token ? openclaw : undefined,
    }),
    /** How agents are woken through OpenClaw: the hook's path, and whether a run's last text goes to the agent's chat. */
    openclawHook: { path: env.OPENCLAW_HOOK_PATH, deliver: env.OPENCLAW_DELIVER },
    pollCron: env.POLL_CRON,
    locale: env.LOCALE,
    timezone: env.TIMEZONE,
    adminTokens: getValues("ADMIN_TOKEN"),
    tickTokens: getValues("TICK_TOKEN"),
    alertsTokens: getValues("ALERTS_TOKEN"),
    /** Tokens of ticket runners. */
    runnerTokens: getValues("RUNNER_TOKEN"),
    /** Tickets may be added for tests. */
    allowTestTickets: env.ALLOW_TEST_TICKETS,
    /** Bridge tokens, which identify the calling agent. */
    agentTokens: collectAgentTokens(secrets, file),
    logLevel: env.LOG_LEVEL,
    secretsFile: env.SECRETS_FILE,
    /** Size limit of a webhook's body in bytes. */
    webhookLimit: env.WEBHOOK_MAX_BYTES,
    /** The values of all secrets, which are redacted from logs and messages. */
    secrets: collectSecretValues(secrets, file),
  };
}

function collectAgentKeys(secrets: Secrets, file: FileSettings): Record<string, string> {
  const keys = file.agents.map(({ name }) => [name, secrets.get(`PLANE_API_KEY_${toSettingName(name)}`)?.[0]] as const);
  return Object.fromEntries(keys.flatMap(([name, key]) => (key ? [[name, key]] : [])));
}

/**
 * Collects the bridge tokens by agent. Where no agent is named Concierge, `AGENT_TOKEN_CONCIERGE` belongs to the agent
 * with the role concierge; where no agent has that role, it belongs to a Concierge without a Plane account of its own.
 * A token of an agent that does not exist gives no access.
 */
function collectAgentTokens(secrets: Secrets, { agents }: Pick<FileSettings, "agents">): AgentTokens[] {
  const tokensByAgent = new Map<string, AgentTokens>();
  for (const [name, tokens] of secrets) {
    const isConcierge = name === CONCIERGE_TOKEN;
    const owner =
      agents.find((agent) => `${PREFIX}${toSettingName(agent.name)}` === name) ??
      (isConcierge ? agents.find(({ role }) => role === "concierge") : undefined);
    if (!owner && !isConcierge) continue;
    const { agent, role } = owner ? { agent: owner.name, role: owner.role ?? "worker" } : CONCIERGE;
    const earlierTokens = tokensByAgent.get(agent)?.tokens ?? [];
    tokensByAgent.set(agent, { agent, role, tokens: [...earlierTokens, ...tokens.map(normalizeToken)] });
  }
  return [...tokensByAgent.values()];
}

/** A hook's URL often is the only credential needed to call it, so the whole URL is a secret; its host is not. */
function collectSecretValues(secrets: Secrets, file: FileSettings): string[] {
  const values = [...secrets].flatMap(([name, texts]) =>
    URL_SECRETS.includes(name) ? texts.flatMap(parsePasswords) : texts,
  );
  const wakes = file.agents.flatMap(({ wake }) => (wake.kind === "webhook" ? [wake] : []));
  const webhooks = [...wakes, ...file.forward];
  const addresses = webhooks.map(({ url }) => new URL(url)).filter(({ pathname, search }) => pathname + search !== "/");
  return [...new Set([...values, ...webhooks.map(({ secret }) => secret), ...addresses.map(({ href }) => href)])];
}

/** The password of a URL, both URL-encoded and decoded, because either form may appear in an error. */
function parsePasswords(url: string): string[] {
  // Several hosts, as of Redis Sentinel, are no URL for the parser.
  const single = url.replace(/^(\w+)\+sentinel(:\/\/(?:[^/@]*@)?[^/,]*)[^/]*/, "$1$2");
  if (!URL.canParse(single)) return [];
  const { password, searchParams } = new URL(single);
  const passwords = [password, searchParams.get("sentinel_password") ?? ""].filter((text) => text !== "");
  return passwords.flatMap((text) => {
    try {
      return [text, decodeURIComponent(text)];
    } catch {
      return [text];
    }
  });
}

/**
 * An agent's id in OpenClaw: `wake.agent` or its name, in the form that OpenClaw gives to ids: lower case, with a
 * hyphen for other characters than letters of ASCII, digits, `_` and `-`.
 */
export function getOpenclawId({ name, wake }: Pick<AgentSettings, "name" | "wake">): string {
  const id = (("agent" in wake ? wake.agent : undefined) ?? name).trim().toLowerCase();
  if (/^[a-z0-9][a-z0-9_-]*$/.test(id)) return id;
  return id.replace(/[^a-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "") || id;
}

/** Name of the agent's own MCP entry in OpenClaw; no two agents have the same, because their setting names differ. */
export function getMcpEntryName(agent: string): string {
  return `groundcrew-${toSettingName(agent).toLowerCase().replaceAll("_", "-")}`;
}

/** The variable with the agent's bridge token in the environment of OpenClaw's gateway. */
export function getOpenclawTokenVariable(agent: string): string {
  return `GROUNDCREW_TOKEN_${toSettingName(agent)}`;
}

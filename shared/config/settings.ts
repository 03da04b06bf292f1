import { findNearestName } from "../nearest-name.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { type AgentTokens, findSharedTokens } from "./agent-tokens.ts";
import { composeSettings, findSettingsWarnings } from "./compose-settings.ts";
import { DEFAULT_SECRETS_FILE, ENVIRONMENT_NAMES, type Environment, environmentSchema } from "./environment.ts";
import { PROVISION_SECRET_NAMES, toPathBesideSecrets } from "./provision-schema.ts";
import { gatherSecrets, parseAgentSuffix, SECRET_NAMES, type Secrets, type SettingsFiles } from "./secrets.ts";
import { formatSettingValue, type SettingProblem } from "./setting-problem.ts";
import { type FileSettings, parseSettingsFile } from "./settings-file.ts";

/** Where the work items are. */
export interface PlaneSettings {
  /** Without `/api/v1` and without a slash at the end. */
  url: string;
  apiKey: string;
  /** Agents' own keys by the agent's name. */
  agentKeys: Record<string, string>;
  workspace: string;
  /** Identifiers such as `ONB`; empty means all. */
  projects: string[];
  /** Each is accepted; none means that only polling sees changes. */
  webhookSecrets: string[];
  /** Requests per minute and key. */
  rateLimit: number;
}

export interface TelegramSettings {
  token: string;
  chat: number | string;
  webhookSecrets: string[];
  /** User numbers; empty means nobody. */
  allowedUsers: number[];
  /** How updates come: Telegram calls us, or we ask. */
  mode: "webhook" | "polling";
  apiRoot: string;
}

/** Everything that can be set, parsed once. */
export interface Settings extends FileSettings {
  /** No Plane and no Telegram are set up at all: the built-in ones are shown. */
  demo: boolean;
  host: string;
  /** 0: any free port. */
  port: number;
  metricsPort?: number;
  /** An origin, for example `https://crew.example.com`. */
  publicUrl?: string;
  /** Lower-case host names; one without a port stands for all ports. */
  allowedHosts: string[];
  /** CIDR blocks. */
  trustedProxies: string[];
  plane?: PlaneSettings;
  store: { url: string; prefix: string };
  telegram?: TelegramSettings;
  /** Where agents are woken: the OpenClaw gateway and its `hooks.token`. */
  openclaw?: { url?: string; token?: string };
  pollCron: string;
  locale: Environment["LOCALE"];
  timezone: string;
  adminTokens: string[];
  tickTokens: string[];
  /** Bridge tokens: which agent is calling. */
  agentTokens: AgentTokens[];
  logLevel: Environment["LOG_LEVEL"];
  secretsFile: string;
  /** The largest webhook body, bytes. */
  webhookLimit: number;
  /** Every secret's value, for the redaction of what is written. */
  secrets: string[];
}

export type ParsedSettings =
  | { ok: true; settings: Settings; warnings: string[] }
  | { ok: false; problems: SettingProblem[] };

/** All that settings are made of, read and checked; absent parts are among the problems. */
export interface SettingsParts {
  env: Record<string, string>;
  plain?: Environment;
  secrets: Secrets;
  file?: FileSettings;
  problems: SettingProblem[];
  warnings: string[];
  /** Names that look like ours and are not. */
  unknown: SettingProblem[];
}

/** Reads the environment and the files it names. Pure: files are read through `files`. An empty value counts as absent. */
export function readSettingsParts(
  environment: Record<string, string | undefined>,
  files: SettingsFiles,
): SettingsParts {
  const env = removeEmptyValues(environment);
  const problems: SettingProblem[] = [];
  const parsedEnvironment = environmentSchema.safeParse(env);
  if (!parsedEnvironment.success) problems.push(...toEnvironmentProblems(parsedEnvironment.error.issues, env));
  const secretsFile = env["SECRETS_FILE"] ?? DEFAULT_SECRETS_FILE;
  const gathered = gatherSecrets(env, secretsFile, files);
  const file = readSettingsFile(env["GROUNDCREW_CONFIG"] ?? findDefaultConfigFile(secretsFile, files), files, gathered);
  problems.push(...gathered.problems, ...findSharedTokens(gathered.secrets));
  return {
    env,
    ...omitUndefined({ plain: parsedEnvironment.success ? parsedEnvironment.data : undefined }),
    secrets: gathered.secrets,
    ...omitUndefined({ file }),
    problems,
    warnings: gathered.warnings,
    unknown: findUnknownNames(env),
  };
}

/**
 * Reads all settings from the environment and the files it names. Pure: files are read through `files`.
 * All problems are told at once, and none holds a secret's value.
 */
export function parseSettings(environment: Record<string, string | undefined>, files: SettingsFiles): ParsedSettings {
  const { env, plain, secrets, file, problems, unknown, warnings } = readSettingsParts(environment, files);
  const hasPrefix = (prefix: string) =>
    [...Object.keys(env), ...secrets.keys()].some((name) => name.startsWith(prefix));
  const enabled = { plane: hasPrefix("PLANE_") || hasPrefix("TELEGRAM_"), telegram: hasPrefix("TELEGRAM_") };
  const isPresent = (name: string) => name in env || `${name}_FILE` in env || secrets.has(name);
  if (enabled.plane)
    requireSettings(
      ["PLANE_URL", "PLANE_API_KEY", "PLANE_WORKSPACE"],
      isPresent,
      enabled.telegram && !hasPrefix("PLANE_"),
      problems,
    );
  if (enabled.telegram) requireSettings(["TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"], isPresent, false, problems);
  if (env["TELEGRAM_MODE"] === "webhook" && !env["PUBLIC_URL"])
    problems.push({ name: "TELEGRAM_MODE", given: "webhook without PUBLIC_URL", wanted: "PUBLIC_URL, or polling" });
  if (env["METRICS_PORT"] && env["METRICS_PORT"] !== "0" && env["METRICS_PORT"] === (env["PORT"] ?? "8787"))
    problems.push({
      name: "METRICS_PORT",
      given: formatSettingValue(env["METRICS_PORT"]),
      wanted: "another port than PORT",
    });

  if (!plain || !file || problems.length > 0) return { ok: false, problems: [...problems, ...unknown] };
  const settings = composeSettings(plain, secrets, file, enabled);
  const allWarnings = [
    ...warnings,
    ...unknown.map(({ name, wanted }) => `${name} is not a setting (${wanted})`),
    ...findSettingsWarnings(settings, secrets),
  ];
  return { ok: true, settings, warnings: allWarnings };
}

/** What provision leaves beside its secrets, where GROUNDCREW_CONFIG names no other file. */
function findDefaultConfigFile(secretsFile: string, files: SettingsFiles): string | undefined {
  const path = toPathBesideSecrets(secretsFile, "groundcrew.json");
  try {
    return files.read(path) ? path : undefined;
  } catch {
    return path;
  }
}

function toEnvironmentProblems(
  issues: readonly { path: PropertyKey[] }[],
  env: Record<string, string>,
): SettingProblem[] {
  const names = new Set(issues.map((issue) => String(issue.path[0])));
  const shape: Record<string, { description?: string | undefined }> = environmentSchema.shape;
  return [...names].map((name) => ({
    name,
    given: formatSettingValue(env[name]),
    wanted: describeWanted(name, env, shape),
  }));
}

function describeWanted(
  name: string,
  env: Record<string, string>,
  shape: Record<string, { description?: string | undefined }>,
): string {
  const withoutApiPath = env[name]?.replace(/\/api(\/v1)?\/*$/, "");
  const hint =
    name === "PLANE_URL" && withoutApiPath !== env[name] ? `: try ${formatSettingValue(withoutApiPath)}` : "";
  return `${shape[name]?.description ?? "another value"}${hint}`;
}

function requireSettings(
  names: string[],
  isPresent: (name: string) => boolean,
  forTelegram: boolean,
  problems: SettingProblem[],
) {
  const group = names[0]?.split("_")[0];
  const reason = forTelegram
    ? "TELEGRAM_* is set, and there is nothing to tell without Plane"
    : `other ${group}_* settings are set`;
  for (const name of names) {
    if (!isPresent(name) && !problems.some((problem) => problem.name === name))
      problems.push({ name, given: "nothing", wanted: `a value, because ${reason}` });
  }
}

function readSettingsFile(
  path: string | undefined,
  files: SettingsFiles,
  { problems, warnings }: { problems: SettingProblem[]; warnings: string[] },
): FileSettings | undefined {
  if (path === undefined) return parseSettingsFile("{}").settings;
  let file: ReturnType<SettingsFiles["read"]>;
  try {
    file = files.read(path);
  } catch {
    file = undefined;
  }
  if (!file) {
    problems.push({
      name: "GROUNDCREW_CONFIG",
      given: formatSettingValue(path),
      wanted: "the path of a file this user may read",
    });
    return undefined;
  }
  const parsed = parseSettingsFile(file.text);
  problems.push(...parsed.problems);
  const { forward = [], agents = [] } = parsed.settings ?? {};
  const holdsSecrets = forward.length > 0 || agents.some(({ wake }) => wake.kind === "webhook");
  if (holdsSecrets && file.mode & 0o077)
    warnings.push(`${path} holds secrets and can be read by others on this machine: chmod 600 ${path}`);
  return parsed.settings;
}

const OWN_PREFIXES = /^(PLANE|TELEGRAM|GROUNDCREW|STORE)_/;

/** Names that look like ours and are not: a mistyped one must not be silently ignored. */
function findUnknownNames(env: Record<string, string>): SettingProblem[] {
  const secrets = [...SECRET_NAMES, ...PROVISION_SECRET_NAMES];
  const known = [...ENVIRONMENT_NAMES, ...secrets, ...secrets.map((name) => `${name}_FILE`)];
  return Object.keys(env)
    .filter((name) => OWN_PREFIXES.test(name) && !known.includes(name) && !parseAgentSuffix(name))
    .map((name) => {
      const nearest = findNearestName(name, known);
      return { name, given: "a name that is not known", wanted: nearest ? `did you mean ${nearest}?` : "no such name" };
    });
}

function removeEmptyValues(env: Record<string, string | undefined>): Record<string, string> {
  const pairs = Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()] as const] : []));
  return Object.fromEntries(pairs);
}

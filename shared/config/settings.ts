import { omitUndefined } from "../omit-undefined.ts";
import { type AgentTokens, findSharedTokens } from "./agent-tokens.ts";
import { composeSettings, findSettingsWarnings } from "./compose-settings.ts";
import { readConnectionFile } from "./connection-file.ts";
import { DEFAULT_SECRETS_FILE, type Environment, environmentSchema } from "./environment.ts";
import { findUnknownNames, requireSettings, toEnvironmentProblems } from "./environment-problems.ts";
import { parseSettingsFile } from "./parse-settings-file.ts";
import { toPathBesideSecrets } from "./provision-schema.ts";
import { gatherSecrets, type Secrets, type SettingsFiles } from "./secrets.ts";
import { formatSettingValue, type SettingProblem } from "./setting-problem.ts";
import type { FileSettings } from "./settings-file.ts";

/** How Groundcrew reaches Plane. */
export interface PlaneSettings {
  /** Without `/api/v1` and without a slash at the end. */
  url: string;
  apiKey: string;
  /** API keys of the agents' own accounts, by the agent's name. */
  agentKeys: Record<string, string>;
  workspace: string;
  /** Identifiers such as `ONB`; empty means all. */
  projects: string[];
  /** Every entry is accepted. When empty, webhooks are refused and changes are found by polling only. */
  webhookSecrets: string[];
  /** Requests per minute and key. */
  rateLimit: number;
}

export interface TelegramSettings {
  token: string;
  chat: number | string;
  webhookSecrets: string[];
  /** Numeric ids of users; empty means no one. */
  allowedUsers: number[];
  /** How updates arrive: Telegram calls our webhook, or we poll. */
  mode: "webhook" | "polling";
  apiRoot: string;
}

/** All settings, validated. */
export interface Settings extends FileSettings {
  /** True when neither Plane nor Telegram is configured: the demo runs on simulated servers. */
  demo: boolean;
  host: string;
  /** 0: any free port. */
  port: number;
  metricsPort?: number;
  /** An origin, for example `https://crew.example.com`. */
  publicUrl?: string;
  /** Lower-case host names; a name without a port matches every port. */
  allowedHosts: string[];
  /** Origins of other dashboards, whose scripts may call `/api`. */
  allowedOrigins: string[];
  /** CIDR blocks. */
  trustedProxies: string[];
  plane?: PlaneSettings;
  store: { url: string; prefix: string };
  /** The folder with the backups, for their age and size. */
  backupFolder?: string;
  telegram?: TelegramSettings;
  /** The OpenClaw gateway that wakes agents, and its `hooks.token`. */
  openclaw?: { url?: string; token?: string };
  /** How agents are woken through OpenClaw: the hook's path, and whether a run's last text goes to the agent's chat. */
  openclawHook: { path: string; deliver: boolean };
  pollCron: string;
  locale: Environment["LOCALE"];
  timezone: string;
  adminTokens: string[];
  tickTokens: string[];
  /** Tokens of ticket runners. */
  runnerTokens: string[];
  /** Tickets may be added for tests. */
  allowTestTickets: boolean;
  /** Bridge tokens, which identify the calling agent. */
  agentTokens: AgentTokens[];
  logLevel: Environment["LOG_LEVEL"];
  secretsFile: string;
  /** Size limit of a webhook's body in bytes. */
  webhookLimit: number;
  /** The values of all secrets, which are redacted from logs and messages. */
  secrets: string[];
}

export type ParsedSettings =
  | { ok: true; settings: Settings; warnings: string[] }
  | { ok: false; problems: SettingProblem[] };

/** The parts that the settings are composed of. A part is absent when it is invalid; `problems` then says why. */
export interface SettingsParts {
  /** The environment over the file that provision wrote, without empty values. */
  env: Record<string, string>;
  plain?: Environment;
  secrets: Secrets;
  file?: FileSettings;
  problems: SettingProblem[];
  warnings: string[];
  /** Environment variables with one of our prefixes that are not settings. */
  unknown: SettingProblem[];
}

/**
 * Reads the environment, the file in which provision stored its settings, and the files that these name. Files are read
 * through `files` only. An empty value counts as absent.
 */
export function readSettingsParts(
  environment: Record<string, string | undefined>,
  files: SettingsFiles,
): SettingsParts {
  const ownEnv = removeEmptyValues(environment);
  const secretsFile = ownEnv["SECRETS_FILE"] ?? DEFAULT_SECRETS_FILE;
  const connection = readConnectionFile(secretsFile, files);
  const env = { ...removeEmptyValues(connection.env), ...ownEnv };
  const problems: SettingProblem[] = [...connection.problems];
  const parsedEnvironment = environmentSchema.safeParse(env);
  if (!parsedEnvironment.success) problems.push(...toEnvironmentProblems(parsedEnvironment.error.issues, env));
  const gathered = gatherSecrets(env, secretsFile, files);
  const file = readSettingsFile(env["GROUNDCREW_CONFIG"] ?? findDefaultConfigFile(secretsFile, files), files, gathered);
  problems.push(...gathered.problems, ...findSharedTokens(gathered.secrets));
  return {
    env,
    ...omitUndefined({ plain: parsedEnvironment.success ? parsedEnvironment.data : undefined }),
    secrets: gathered.secrets,
    ...omitUndefined({ file }),
    problems,
    warnings: [...connection.warnings, ...gathered.warnings],
    unknown: findUnknownNames(env),
  };
}

/**
 * Reads all settings from the environment and the files it names. Files are read through `files` only.
 * Reports all problems at once; none contains a secret's value.
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
      wanted: "a port other than PORT",
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

/** The settings file that provision writes in the folder of SECRETS_FILE; undefined when it does not exist. */
function findDefaultConfigFile(secretsFile: string, files: SettingsFiles): string | undefined {
  const path = toPathBesideSecrets(secretsFile, "groundcrew.json");
  try {
    return files.read(path) ? path : undefined;
  } catch {
    return path;
  }
}

function readSettingsFile(
  path: string | undefined,
  files: SettingsFiles,
  { problems, warnings }: { problems: SettingProblem[]; warnings: string[] },
): FileSettings | undefined {
  if (path === undefined) return parseSettingsFile("{}").settings;
  let file: ReturnType<SettingsFiles["read"]>;
  let tooLarge = "";
  try {
    file = files.read(path);
  } catch (thrown) {
    if (thrown instanceof RangeError) tooLarge = thrown.message;
  }
  if (!file) {
    problems.push({
      name: "GROUNDCREW_CONFIG",
      given: tooLarge || formatSettingValue(path),
      wanted: "the path of a readable file",
    });
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

function removeEmptyValues(env: Record<string, string | undefined>): Record<string, string> {
  const pairs = Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()] as const] : []));
  return Object.fromEntries(pairs);
}

import { type AgentTokens, sharedTokens } from "./config/agent-tokens.ts";
import { ENVIRONMENT_NAMES, type Environment, environmentSchema, SECRETS_FILE } from "./config/environment.ts";
import { type FileSettings, parseFile } from "./config/file.ts";
import { nearestName } from "./config/nearest.ts";
import { type Problem, shown } from "./config/problem.ts";
import { besideSecrets, PROVISION_ONLY } from "./config/provision.ts";
import { agentOf, type Files, gatherSecrets, SECRET_NAMES, type Secrets } from "./config/secrets.ts";
import { settle, warningsAbout } from "./config/settle.ts";

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

export type ParsedSettings = { ok: true; settings: Settings; warnings: string[] } | { ok: false; problems: Problem[] };

/** All that settings are made of, read and checked; absent parts are among the problems. */
export interface Parts {
  env: Record<string, string>;
  plain?: Environment;
  secrets: Secrets;
  file?: FileSettings;
  problems: Problem[];
  warnings: string[];
  /** Names that look like ours and are not. */
  unknown: Problem[];
}

/** Reads the environment and the files it names. Pure: files are read through `files`. An empty value counts as absent. */
export function readParts(given: Record<string, string | undefined>, files: Files): Parts {
  const env = withoutEmpty(given);
  const problems: Problem[] = [];
  const plain = environmentSchema.safeParse(env);
  if (!plain.success) problems.push(...environmentProblems(plain.error.issues, env));
  const secretsFile = env["SECRETS_FILE"] ?? SECRETS_FILE;
  const gathered = gatherSecrets(env, secretsFile, files);
  const file = readConfig(env["GROUNDCREW_CONFIG"] ?? configBeside(secretsFile, files), files, gathered);
  problems.push(...gathered.problems, ...sharedTokens(gathered.secrets));
  return {
    env,
    ...(plain.success && { plain: plain.data }),
    secrets: gathered.secrets,
    ...(file && { file }),
    problems,
    warnings: gathered.warnings,
    unknown: unknownNames(env),
  };
}

/**
 * Reads all settings from the environment and the files it names. Pure: files are read through `files`.
 * All problems are told at once, and none holds a secret's value.
 */
export function parseSettings(given: Record<string, string | undefined>, files: Files): ParsedSettings {
  const { env, plain, secrets, file, problems, unknown, warnings } = readParts(given, files);
  const has = (prefix: string) => [...Object.keys(env), ...secrets.keys()].some((name) => name.startsWith(prefix));
  const wants = { plane: has("PLANE_") || has("TELEGRAM_"), telegram: has("TELEGRAM_") };
  const present = (name: string) => name in env || `${name}_FILE` in env || secrets.has(name);
  if (wants.plane)
    requireAll(["PLANE_URL", "PLANE_API_KEY", "PLANE_WORKSPACE"], present, wants.telegram && !has("PLANE_"), problems);
  if (wants.telegram) requireAll(["TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"], present, false, problems);
  if (env["TELEGRAM_MODE"] === "webhook" && !env["PUBLIC_URL"])
    problems.push({ name: "TELEGRAM_MODE", given: "webhook without PUBLIC_URL", wanted: "PUBLIC_URL, or polling" });
  if (env["METRICS_PORT"] && env["METRICS_PORT"] !== "0" && env["METRICS_PORT"] === (env["PORT"] ?? "8787"))
    problems.push({ name: "METRICS_PORT", given: shown(env["METRICS_PORT"]), wanted: "another port than PORT" });

  if (!plain || !file || problems.length > 0) return { ok: false, problems: [...problems, ...unknown] };
  const settings = settle(plain, secrets, file, wants);
  const told = [
    ...warnings,
    ...unknown.map(({ name, wanted }) => `${name} is not a setting (${wanted})`),
    ...warningsAbout(settings, secrets),
  ];
  return { ok: true, settings, warnings: told };
}

/** What provision leaves beside its secrets, where GROUNDCREW_CONFIG names no other file. */
function configBeside(secretsFile: string, files: Files): string | undefined {
  const path = besideSecrets(secretsFile, "groundcrew.json");
  try {
    return files.read(path) ? path : undefined;
  } catch {
    return path;
  }
}

function environmentProblems(issues: readonly { path: PropertyKey[] }[], env: Record<string, string>): Problem[] {
  const names = new Set(issues.map((issue) => String(issue.path[0])));
  const shape: Record<string, { description?: string | undefined }> = environmentSchema.shape;
  return [...names].map((name) => ({ name, given: shown(env[name]), wanted: wantedOf(name, env, shape) }));
}

function wantedOf(
  name: string,
  env: Record<string, string>,
  shape: Record<string, { description?: string | undefined }>,
): string {
  const shorter = env[name]?.replace(/\/api(\/v1)?\/*$/, "");
  const hint = name === "PLANE_URL" && shorter !== env[name] ? `: try ${shown(shorter)}` : "";
  return `${shape[name]?.description ?? "another value"}${hint}`;
}

function requireAll(names: string[], present: (name: string) => boolean, forTelegram: boolean, problems: Problem[]) {
  const group = names[0]?.split("_")[0];
  const why = forTelegram
    ? "TELEGRAM_* is set, and there is nothing to tell without Plane"
    : `other ${group}_* settings are set`;
  for (const name of names) {
    if (!present(name) && !problems.some((problem) => problem.name === name))
      problems.push({ name, given: "nothing", wanted: `a value, because ${why}` });
  }
}

function readConfig(
  path: string | undefined,
  files: Files,
  { problems, warnings }: { problems: Problem[]; warnings: string[] },
): FileSettings | undefined {
  if (path === undefined) return parseFile("{}").settings;
  let file: ReturnType<Files["read"]>;
  try {
    file = files.read(path);
  } catch {
    file = undefined;
  }
  if (!file) {
    problems.push({ name: "GROUNDCREW_CONFIG", given: shown(path), wanted: "the path of a file this user may read" });
    return undefined;
  }
  const parsed = parseFile(file.text);
  problems.push(...parsed.problems);
  const { forward = [], agents = [] } = parsed.settings ?? {};
  const holdsSecrets = forward.length > 0 || agents.some(({ wake }) => wake.kind === "webhook");
  if (holdsSecrets && file.mode & 0o077)
    warnings.push(`${path} holds secrets and can be read by others on this machine: chmod 600 ${path}`);
  return parsed.settings;
}

const OURS = /^(PLANE|TELEGRAM|GROUNDCREW|STORE)_/;

/** Names that look like ours and are not: a mistyped one must not be silently ignored. */
function unknownNames(env: Record<string, string>): Problem[] {
  const secrets = [...SECRET_NAMES, ...PROVISION_ONLY];
  const known = [...ENVIRONMENT_NAMES, ...secrets, ...secrets.map((name) => `${name}_FILE`)];
  return Object.keys(env)
    .filter((name) => OURS.test(name) && !known.includes(name) && !agentOf(name))
    .map((name) => {
      const nearest = nearestName(name, known);
      return { name, given: "a name that is not known", wanted: nearest ? `did you mean ${nearest}?` : "no such name" };
    });
}

function withoutEmpty(env: Record<string, string | undefined>): Record<string, string> {
  const pairs = Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()] as const] : []));
  return Object.fromEntries(pairs);
}

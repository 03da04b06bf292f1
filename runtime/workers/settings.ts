/**
 * The settings on Workers: variables and secrets of the Worker, with the settings file split into several variables,
 * both written at deployment and read at start.
 */

import { DEFAULT_SECRETS_FILE, environmentSchema } from "../../shared/config/environment.ts";
import { type SettingsFiles, toPathBesideSecrets } from "../../shared/config/secrets.ts";
import type { SettingProblem } from "../../shared/config/setting-problem.ts";
import { type ParsedSettings, parseSettings, readSettingsParts } from "../../shared/config/settings.ts";
import type { Env } from "./platform.ts";

type WorkerVariables =
  | { ok: true; variables: Record<string, string>; warnings: string[] }
  | { ok: false; problems: SettingProblem[] };

/** Variable that holds the text of the settings file, because a Worker has no files. */
const CONFIG_VARIABLE = "GROUNDCREW_CONFIG_JSON";

/** Limit of one part in characters: 1,250 of at most 4 bytes fit the 5 KB that Cloudflare allows for a variable. */
const MAX_PART_LENGTH = 1_250;

/**
 * Limit of a webhook's body: 1.5 MB, because a row of a Durable Object holds 2 MB and the body is stored as JSON text,
 * which is longer. Plane's largest webhook is far below.
 */
const MAX_WEBHOOK_BYTES = 1_500_000;

const NO_TICKETS = "nothing: tickets need a machine with a ticket runner; remove it";

/** Settings that need a machine, with what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  HOST: "nothing: Cloudflare listens; remove it",
  PORT: "nothing: Cloudflare listens; remove it",
  METRICS_PORT: "nothing: a Worker has no second port and no metrics; remove it",
  TRUSTED_PROXIES: "nothing: Cloudflare names the client; remove it",
  STORE_URL: "nothing: on Workers the store is the Durable Object, neither a file nor Redis; remove it",
  STORE_PREFIX: "nothing: it only applies to Redis; remove it",
  SECRETS_FILE: "nothing: a Worker reads no files; npm run deploy:workers sends its secrets to Cloudflare",
  GROUNDCREW_CONFIG: `the text of the settings file in ${CONFIG_VARIABLE}, because a Worker reads no files`,
  RUNNER_TOKEN: NO_TICKETS,
  RUNNER_TOKEN_FILE: NO_TICKETS,
  ALLOW_TEST_TICKETS: NO_TICKETS,
};

/** Names that are replaced by what is in the files they name. */
const FILE_NAMES = new Set(["SECRETS_FILE", "GROUNDCREW_CONFIG"]);

export const isConfigVariable = (name: string): boolean => new RegExp(`^${CONFIG_VARIABLE}(_\\d+)?$`).test(name);

/** Reads the settings from a Worker's variables and secrets, and refuses what cannot run there. */
export function readWorkerSettings(env: Env): ParsedSettings {
  const texts = readTexts(env);
  const config = joinConfigText(texts);
  const others = Object.fromEntries(Object.entries(texts).filter(([name]) => !isConfigVariable(name)));
  const problems = findRefused(others);
  const parsed = parseSettings(
    { ...removeRefused(others), ...(config === undefined ? {} : { GROUNDCREW_CONFIG: CONFIG_VARIABLE }) },
    { read: (path) => (path === CONFIG_VARIABLE && config !== undefined ? { text: config, mode: 0o600 } : undefined) },
  );
  if (!parsed.ok) return { ok: false, problems: [...problems, ...parsed.problems] };
  const { settings } = parsed;
  if (!settings.plane)
    problems.push({ name: "PLANE_URL", given: "nothing", wanted: "Plane's address: the demo does not run on Workers" });
  if (settings.telegram && settings.telegram.mode !== "webhook")
    problems.push({
      name: "TELEGRAM_MODE",
      given: settings.publicUrl ? "polling" : "no PUBLIC_URL",
      wanted: "webhook and PUBLIC_URL: a Worker cannot poll Telegram",
    });
  if (settings.tickets) problems.push({ name: "tickets", given: "settings of tickets", wanted: NO_TICKETS });
  if (problems.length > 0) return { ok: false, problems };
  return {
    ...parsed,
    settings: { ...settings, webhookLimit: Math.min(settings.webhookLimit, MAX_WEBHOOK_BYTES) },
  };
}

/** A variable of wrangler.jsonc may also be a JSON value instead of its text. */
function readTexts(env: Env): Record<string, string> {
  const texts = Object.entries(env).flatMap(([name, value]) => {
    if (typeof value === "string") return [[name, value] as const];
    return name === CONFIG_VARIABLE && value !== undefined ? [[name, JSON.stringify(value)] as const] : [];
  });
  return Object.fromEntries(texts.filter(([name, text]) => isConfigVariable(name) || text.trim() !== ""));
}

/** Joins the parts; undefined without the first one. */
function joinConfigText(variables: Record<string, string>): string | undefined {
  if (variables[CONFIG_VARIABLE] === undefined) return undefined;
  let text = "";
  for (let i = 0; ; i += 1) {
    const part = variables[getPartName(i)];
    if (part === undefined) return text;
    text += part;
  }
}

const getPartName = (index: number) => (index === 0 ? CONFIG_VARIABLE : `${CONFIG_VARIABLE}_${index + 1}`);

function findRefused(texts: Record<string, string>): SettingProblem[] {
  return Object.keys(texts).flatMap((name) => {
    const wanted = isFileSetting(name)
      ? `the secret itself in ${name.replace(/_FILE$/, "")}, because a Worker reads no files`
      : REFUSED[name];
    return wanted ? [{ name, given: "a setting that cannot be used on Workers", wanted }] : [];
  });
}

const isFileSetting = (name: string) => /^(PLANE|TELEGRAM|ADMIN|TICK|AGENT|OPENCLAW)_\w+_FILE$/.test(name);

function removeRefused(texts: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([name]) => !(name in REFUSED) && !isFileSetting(name)));
}

/**
 * Reads the settings of this folder as the product on a machine does, including what provision wrote, and returns them
 * as the variables of a Worker. Every value is one of Groundcrew's settings: nothing else of the environment is sent.
 */
export function createWorkerVariables(
  environment: Record<string, string | undefined>,
  files: SettingsFiles,
): WorkerVariables {
  const parts = readSettingsParts(environment, files);
  if (parts.problems.length > 0) return { ok: false, problems: [...parts.problems, ...parts.unknown] };
  const names = Object.keys(environmentSchema.shape).filter((name) => !FILE_NAMES.has(name));
  const plain = names.flatMap((name) => (parts.env[name] === undefined ? [] : [[name, parts.env[name]] as const]));
  const secrets = [...parts.secrets].map(([name, values]) => [name, values.join(",")] as const);
  const configPath =
    parts.env["GROUNDCREW_CONFIG"] ??
    toPathBesideSecrets(parts.env["SECRETS_FILE"] ?? DEFAULT_SECRETS_FILE, "groundcrew.json");
  const config = files.read(configPath)?.text;
  const variables = {
    ...Object.fromEntries([...plain, ...secrets]),
    ...(config === undefined ? {} : splitConfigText(config)),
  };
  const parsed = readWorkerSettings(variables);
  return parsed.ok ? { ok: true, variables, warnings: parsed.warnings } : parsed;
}

/** Divides the text of the settings file into `GROUNDCREW_CONFIG_JSON`, `GROUNDCREW_CONFIG_JSON_2` and so on. */
function splitConfigText(text: string): Record<string, string> {
  const characters = [...text];
  const parts: Record<string, string> = {};
  for (let i = 0; i * MAX_PART_LENGTH < characters.length; i += 1)
    parts[getPartName(i)] = characters.slice(i * MAX_PART_LENGTH, (i + 1) * MAX_PART_LENGTH).join("");
  return parts;
}

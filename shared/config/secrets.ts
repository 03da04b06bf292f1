/**
 * The secrets: which there are, what form each has, and where they come from: the environment, files that it names, or
 * the secrets file. Beside that file lies the connection to Plane that provision set up.
 */

import { z } from "zod";
import { findNearestName } from "../names.ts";
import { formatJsonError, parseJsonText, type SettingProblem } from "./setting-problem.ts";

/** What one opened file said of itself, so that the checks hold for the text that is used. */
interface ReadFile {
  text: string;
  /** Permission bits, for example 0o600. */
  mode: number;
  /** Whether the file belongs neither to the account of this process nor to root. */
  isOthers?: boolean;
}

export interface SettingsFiles {
  /** Reads a file; undefined when it does not exist. Throws when it cannot be read, a RangeError when it is too large. */
  read(path: string): ReadFile | undefined;
}

/** The values of every secret by name, agents' secrets included. The first value is used, every value is accepted. */
export type Secrets = Map<string, string[]>;

/** What is wrong with the settings: with a problem they are refused. Neither kind contains a secret's value. */
export interface Findings {
  problems: SettingProblem[];
  warnings: string[];
}

interface SecretKind {
  /** Pattern of a valid value. */
  form: RegExp;
  /** The same for people: completes the sentence "wanted: …" of an error message. */
  wanted: string;
  /** What the secret is for; printed in docs/configuration.md. */
  meaning: string;
  /** Whether several values may be valid at once, as during a rotation. */
  many?: true;
  /** Whether who knows the secret can give Groundcrew orders: then placeholders and patterns are refused as well. */
  isGuard?: true;
}

const textSchema = z.string().trim().min(1);

const valuesSchema = z.union([textSchema.transform((text) => [text]), z.array(textSchema).min(1)]);

const PRINTABLE = /^[\x21-\x7e]+$/;

/** How to make a secret that nobody guesses: 256 random bits. */
export const SECRET_RECIPE = "for example from `openssl rand -hex 32`";

/**
 * Secrets that operators choose and that guard Groundcrew have at least 16 characters: that many random ones cannot be
 * guessed over a network. Secrets that others issue have the form that their issuer gives them.
 */
const TOKEN = {
  form: /^[\x21-\x7e]{16,}$/,
  wanted: `16 or more random printable characters without spaces, ${SECRET_RECIPE}`,
  many: true,
  isGuard: true,
} as const;

const API_KEY = { form: PRINTABLE, wanted: "an API key as Plane shows it" };

const SECRETS: Record<string, SecretKind> = {
  PLANE_API_KEY: { ...API_KEY, meaning: "API key of the Plane account that Groundcrew itself works with." },
  PLANE_WEBHOOK_SECRET: {
    form: PRINTABLE,
    wanted: "the secret Plane shows for its webhook",
    meaning: "Secret of Plane's webhook. Without it webhooks are refused and changes are found by polling only.",
    many: true,
    isGuard: true,
  },
  STORE_URL: {
    form: /^(file:.+|memory:|rediss?:\/\/.+|rediss?\+sentinel:\/\/[^/]+\/[^/?]+(\/\d+)?(\?.*)?)$/,
    wanted: "file:<folder>, redis://…, rediss://…, redis+sentinel://<sentinels>/<name>/<database> or memory:",
    meaning: "Store: an embedded file, Redis, or memory (lost at every restart). Default: file:./data.",
  },
  PLANE_REDIS_URL: {
    form: /^rediss?:\/\/.+$/,
    wanted: "redis://… or rediss://…",
    meaning:
      "Plane's own Redis (its REDIS_URL). Groundcrew refuses a STORE_URL with the same database, which Plane empties at each start; it never connects to it.",
  },
  BACKUP_DATABASE_URL: {
    form: /^postgres(ql)?:\/\/[^/]+\/[^/?]+$/,
    wanted: "postgresql://<user>:<password>@<host>:<port>/<database>",
    meaning: "Plane's PostgreSQL database. Only backup and restore use it. Without it a backup contains no database.",
  },
  TELEGRAM_BOT_TOKEN: {
    form: /^[\w-]+:[\w-]+$/,
    wanted: "a bot's token as BotFather shows it",
    meaning: "Token of the Telegram bot. Without it no messages are sent.",
  },
  TELEGRAM_WEBHOOK_SECRET: {
    form: /^[\w-]{16,256}$/,
    wanted: `16 to 256 random letters, digits, '_' or '-', ${SECRET_RECIPE}`,
    meaning: "Proves that an update comes from Telegram. Without it a secret is derived from the bot's token.",
    many: true,
    isGuard: true,
  },
  OPENCLAW_HOOK_TOKEN: {
    ...{ form: PRINTABLE, wanted: "the gateway's hooks.token" },
    meaning: "Token of the OpenClaw gateway at OPENCLAW_URL.",
  },
  ADMIN_TOKEN: {
    ...TOKEN,
    meaning: "Gives access to the page and the routes for operators. Without it they refuse every request.",
  },
  TICK_TOKEN: { ...TOKEN, meaning: "Gives access to POST /ticks/<name> only, for an external scheduler." },
  ALERTS_TOKEN: { ...TOKEN, meaning: "Gives an Alertmanager access to POST /api/alerts only." },
  RUNNER_TOKEN: { ...TOKEN, meaning: "Gives a ticket runner access to its routes below /api/runner only." },
};

/** Secrets of which each agent has its own, by the part of the name before `_<AGENT>`. */
const AGENT_SECRETS: Record<"PLANE_API_KEY" | "AGENT_TOKEN", SecretKind> = {
  PLANE_API_KEY: {
    ...API_KEY,
    meaning: "API key of the agent's own Plane account. Without it the Concierge's key writes on the agent's behalf.",
  },
  AGENT_TOKEN: {
    form: /^(?:sha256:[0-9a-f]{64}|(?!sha256:)[\x21-\x7e]{16,})$/i,
    wanted: `${TOKEN.wanted}; or sha256: and 64 hex characters`,
    meaning: "The agent's bridge token for /mcp and /agent, or its SHA-256.",
    many: true,
    isGuard: true,
  },
};

export const SECRET_NAMES: readonly string[] = Object.keys(SECRETS);

/** Name of an agent's own secret: its kind and its agent. */
const AGENT_SECRET = /^(PLANE_API_KEY|AGENT_TOKEN)_([A-Z0-9_]+)$/;

/** Secrets that only provision reads. The runtime knows their names, so that it does not report them as unknown. */
export const PROVISION_SECRET_NAMES: readonly string[] = ["PLANE_ADMIN_PASSWORD"];

/** Name of the lock file in the folder of SECRETS_FILE; it exists while a process writes to that folder. */
export const PROVISION_LOCK_FILE = "provision.lock";

/** Name of the file in the folder of SECRETS_FILE in which provision stores the settings it ran with. */
export const CONNECTION_FILE = "connection.env";

/**
 * The settings that the file may contain: what a start needs to reach the provisioned Plane and to be reached. None is
 * a secret.
 */
const CONNECTION_NAMES = [
  "PLANE_URL",
  "PLANE_WORKSPACE",
  "PLANE_ADMIN_EMAIL",
  "PLANE_WEBHOOK_TARGET",
  "PLANE_RATE_LIMIT",
  "HOST",
  "PORT",
  "PUBLIC_URL",
  "ALLOWED_HOSTS",
  "OPENCLAW_URL",
  "OPENCLAW_HOOK_PATH",
  "GROUNDCREW_CONFIG",
  "LOCALE",
  "TIMEZONE",
] as const;

/** Limit of the ignored names that a warning lists: 10. */
const MAX_IGNORED = 10;

const HEADER =
  "# Written by `npm run provision`, read by `npm start` and the other commands. The environment and .env override it.\n";

/** Reads every secret from the environment, else from the file that `<NAME>_FILE` names, else from SECRETS_FILE. */
export function gatherSecrets(
  env: Record<string, string>,
  path: string,
  files: SettingsFiles,
  findings: Findings,
): Secrets {
  const secrets: Secrets = new Map();
  const fileSecrets = readSecretsFile(path, "SECRETS_FILE" in env, files, findings);
  const mentioned = [...Object.keys(env).map((variable) => variable.replace(/_FILE$/, "")), ...fileSecrets.keys()];
  for (const name of new Set([...SECRET_NAMES, ...mentioned.filter(isAgentSecret)])) {
    const values = readFromEnvironment(name, env, files, findings) ?? fileSecrets.get(name) ?? [];
    const { form, wanted, isGuard } = getSecretKind(name);
    const lengths = values.map((value) => value.length).join(" and ");
    if (values.some((value) => !form.test(value)))
      findings.problems.push({ name, given: `a value of ${lengths} characters`, wanted });
    else if (isGuard && values.some(isGuessableSecret))
      findings.problems.push({ name, given: GUESSABLE_SECRET, wanted });
    else if (values.length > 0) secrets.set(name, values);
  }
  return secrets;
}

function readSecretsFile(path: string, isExplicit: boolean, files: SettingsFiles, findings: Findings): Secrets {
  const secrets: Secrets = new Map();
  const addProblem = (given: string, wanted: string) =>
    void findings.problems.push({ name: `SECRETS_FILE ${path}`, given, wanted });
  const file = readOwnFile(path, "read and change the secrets", "a readable file", files, findings, addProblem);
  if (!file && isExplicit) findings.warnings.push(`SECRETS_FILE names ${path}, which does not exist`);
  if (!file || isOpenToOthers(file)) return secrets;
  const json = parseJsonText(file.text);
  const content = json.ok ? z.record(z.string(), z.unknown()).safeParse(json.value).data : undefined;
  if (!content) {
    const given = json.ok ? "content that is not a JSON object" : formatJsonError(json.position);
    addProblem(given, "a JSON object of names and secrets");
  }
  for (const [name, value] of Object.entries(content ?? {})) {
    const values = valuesSchema.safeParse(value);
    if (!SECRET_NAMES.includes(name) && !isAgentSecret(name)) {
      const known = findNearestName(name, SECRET_NAMES) ?? `one of ${SECRET_NAMES.join(", ")}`;
      addProblem(`the unknown name ${JSON.stringify(name.slice(0, 60))}`, known);
    } else if (values.success) secrets.set(name, values.data);
    else addProblem(`${name} that is neither a string nor a list of strings`, "a secret, or a list of valid secrets");
  }
  return secrets;
}

/**
 * Reads a file that this account alone may read and change. Undefined when it does not exist or cannot be read.
 * @param danger what another account that owns it can do
 */
function readOwnFile(
  path: string,
  danger: string,
  wanted: string,
  files: SettingsFiles,
  { warnings }: Findings,
  addProblem: (given: string, wanted: string) => void,
): ReadFile | undefined {
  let file: ReadFile | undefined;
  try {
    file = files.read(path);
  } catch {
    addProblem("a file that cannot be read", wanted);
  }
  if (file && isOpenToOthers(file))
    addProblem(`a file of mode ${(file.mode & 0o777).toString(8).padStart(4, "0")}`, `mode 0600: chmod 600 ${path}`);
  if (file?.isOthers)
    warnings.push(`${path} belongs to another account, which can ${danger}: chown it to this account`);
  return file;
}

const isOpenToOthers = ({ mode }: ReadFile) => (mode & 0o177) !== 0;

/** The values in the environment or in the file that it names; undefined where it names none. */
function readFromEnvironment(
  name: string,
  env: Record<string, string>,
  files: SettingsFiles,
  { problems, warnings }: Findings,
): string[] | undefined {
  const { many, wanted } = getSecretKind(name);
  const split = (text: string) => (many ? text.split(/[,\n]/) : [text]).flatMap((part) => part.trim() || []);
  const [inlineValue, fileSetting, path] = [env[name], `${name}_FILE`, env[`${name}_FILE`]];
  if (path === undefined) return inlineValue === undefined ? undefined : split(inlineValue);
  const refuse = (setting: string, given: string, expected: string) => {
    problems.push({ name: setting, given, wanted: expected });
    return undefined;
  };
  if (inlineValue !== undefined) return refuse(name, `both ${name} and ${fileSetting}`, "one of the two");
  let file: ReadFile | undefined;
  try {
    file = files.read(path);
  } catch {
    return refuse(fileSetting, `${path}, which cannot be read`, "a readable file");
  }
  if (!file) return refuse(fileSetting, `${path}, which does not exist`, "a file that contains the secret");
  const values = split(file.text);
  if (values.length === 0) refuse(fileSetting, "an empty file", wanted);
  // Secrets that Docker and systemd mount are readable inside the container only, whatever their mode is.
  if (file.mode & 0o077 && !path.startsWith("/run/"))
    warnings.push(`${path} (${fileSetting}) can be read by others on this machine: chmod 600 ${path}`);
  return values;
}

/** The kind of a secret; its name must be known or that of an agent's own secret. */
function getSecretKind(name: string): SecretKind {
  return SECRETS[name] ?? AGENT_SECRETS[name.startsWith("AGENT_TOKEN_") ? "AGENT_TOKEN" : "PLANE_API_KEY"];
}

/** The secrets in the environment and in the files it names. They override those in SECRETS_FILE. */
export function readEnvironmentSecrets(
  env: Record<string, string>,
  secretsFile: string,
  files: SettingsFiles,
): Secrets {
  const read: SettingsFiles["read"] = (path) => (path === secretsFile ? undefined : files.read(path));
  return gatherSecrets(env, secretsFile, { read }, { problems: [], warnings: [] });
}

/** The `<AGENT>` in `PLANE_API_KEY_<AGENT>` and `AGENT_TOKEN_<AGENT>`; undefined for any other name. */
export function parseAgentSuffix(name: string): string | undefined {
  return AGENT_SECRET.exec(name)?.[2];
}

/** Whether a name is that of an agent's own secret. */
export function isAgentSecret(name: string): boolean {
  return AGENT_SECRET.test(name);
}

/** Lists every secret that the runtime reads, for the documentation. */
export function listSecretKinds(): ({ name: string } & Pick<SecretKind, "wanted" | "meaning" | "many">)[] {
  const agentKinds = Object.entries(AGENT_SECRETS).map(([name, kind]) => ({ name: `${name}_<AGENT>`, ...kind }));
  return [...Object.entries(SECRETS).map(([name, kind]) => ({ name, ...kind })), ...agentKinds];
}

/** The path of a file in the folder of SECRETS_FILE. */
export function toPathBesideSecrets(secretsFile: string, name: string): string {
  return secretsFile.slice(0, secretsFile.lastIndexOf("/") + 1) + name;
}

export function getConnectionPath(secretsFile: string): string {
  return toPathBesideSecrets(secretsFile, CONNECTION_FILE);
}

/** The content of the file for these settings; those that are not set are left out. */
export function formatConnectionFile(env: Record<string, string>): string {
  // URLs and paths may contain line breaks, which would add settings.
  const lines = CONNECTION_NAMES.flatMap((name) => {
    const value = env[name]?.replace(/[\r\n]/g, "");
    return value === undefined ? [] : [`${name}=${value}\n`];
  });
  return HEADER + lines.join("");
}

/**
 * Reads the settings that provision stored beside SECRETS_FILE; none when there is no such file. The file decides where
 * API keys are sent, so one that others can change is a problem, like SECRETS_FILE; what could be read is returned all
 * the same, so that nothing else counts as missing.
 */
export function readConnectionFile(secretsFile: string, files: SettingsFiles, findings: Findings) {
  const path = getConnectionPath(secretsFile);
  const addProblem = (given: string, wanted: string) => void findings.problems.push({ name: path, given, wanted });
  const danger = "change where API keys are sent";
  const file = readOwnFile(path, danger, "a readable file, or none", files, findings, addProblem);
  const env: Record<string, string> = {};
  // Whatever else is in it, for example in a file of a restored backup, sets nothing; every value is only text.
  const ignored = new Set<string>();
  for (const [index, line] of (file?.text ?? "").split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, name, value = ""] = /^(\w{1,60})=(.*)$/.exec(line.trim()) ?? [];
    if (name !== undefined && CONNECTION_NAMES.some((known) => known === name)) env[name] = value.trim();
    else ignored.add(name ?? `the text in line ${index + 1}`);
  }
  if (ignored.size > 0)
    findings.warnings.push(
      `${path} may only set ${CONNECTION_NAMES.join(", ")}. Ignored: ${[...ignored].slice(0, MAX_IGNORED).join(", ")}` +
        (ignored.size > MAX_IGNORED ? ` and ${ignored.size - MAX_IGNORED} more` : ""),
    );
  return env;
}

/** Which secrets are too easy to guess to guard anything: placeholders of examples, repeated characters and sequences. */

/** What a problem calls such a secret, which it never repeats. */
export const GUESSABLE_SECRET = "a placeholder or a pattern, which is easily guessed";

/** Words of placeholders, and of the secrets that are tried first; written without separators. */
const WORDS =
  `change changeme replace insert put your my our this that here with example sample dummy default placeholder
  todo fixme please real value random string text some something not is an to me set enter fill in character characters
  secret password passwd passwort passphrase pass pwd token key api bearer auth login letmein welcome
  administrator root user guest master super top very groundcrew demo foo bar baz qux redacted none null`.split(/\s+/);

/** What fingers and memory walk along: digits, letters, the rows of keyboards (US, German, French) and their columns. */
const ROWS = [
  "01234567890",
  "abcdefghijklmnopqrstuvwxyz",
  "qwertyuiop",
  "asdfghjkl",
  "zxcvbnm",
  "qwertzuiop",
  "yxcvbnm",
  "azertyuiop",
  "qsdfghjklm",
  "wxcvbn",
  "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
  "1q2w3e4r5t6y7u8i9o0p",
  "!@#$%^&*()",
];

/** Steps along a row count from 3 characters on: two neighbours are frequent in random texts, too. */
const MIN_WALK = 3;

/** Characters that nobody guesses by words and rows: with fewer than 3 the rest of a secret is tried in no time. */
const MIN_UNKNOWN = 3;

/** The same beside a word that only placeholders contain: fewer than 12 are a name or a number added to it. */
const MIN_UNKNOWN_BESIDE_PLACEHOLDER = 12;

const PLACEHOLDER =
  /^your|changeme|changethis|replaceme|replacethis|placeholder|example|(?:token|secret|password|key)here/;

/** Names of what a secret guards, with a short number at most. */
const OWN_NAME = /^(?:admin|tick|runner|agent|bridge|groundcrew|token|secret|password|key)+\d{0,4}$/;

const WORD_PATTERN = new RegExp(WORDS.toSorted((a, b) => b.length - a.length).join("|"), "g");

const WALKS = ROWS.flatMap((row) => [row, [...row].reverse().join("")]);

/**
 * Whether a secret is a placeholder or a pattern rather than random: repeated texts (`changemechangeme`, `aaaa…`), rows
 * of keyboards and digits, and words of placeholders and common passwords with hardly anything else. A secret of 16 or
 * more random characters practically never is: it would have to repeat its first half, or consist of such words and
 * rows.
 */
export function isGuessableSecret(secret: string): boolean {
  const text = secret.toLowerCase().replaceAll(/[-_.:/<>{}\s]/g, "");
  if (new Set(text).size < 4 || isRepetition(text) || OWN_NAME.test(text)) return true;
  const unknown = countUnknown(text.replaceAll(WORD_PATTERN, " "));
  return unknown < (PLACEHOLDER.test(text) ? MIN_UNKNOWN_BESIDE_PLACEHOLDER : MIN_UNKNOWN);
}

/** Whether the text repeats a part of at most half its length; the last repetition may be incomplete. */
function isRepetition(text: string): boolean {
  for (let period = 1; period <= text.length / 2; period += 1)
    if (text.slice(period) === text.slice(0, -period)) return true;
  return false;
}

/** Number of characters that belong to no walk along a row and to no repetition of one character; spaces do not count. */
function countUnknown(text: string): number {
  let unknown = 0;
  for (let at = 0; at < text.length; ) {
    let end = at + MIN_WALK;
    while (end <= text.length && isWalk(text.slice(at, end))) end += 1;
    const length = end - 1 - at;
    if (length < MIN_WALK && text[at] !== " ") unknown += 1;
    at += length < MIN_WALK ? 1 : length;
  }
  return unknown;
}

function isWalk(text: string): boolean {
  return text === (text[0] ?? "").repeat(text.length) || WALKS.some((row) => row.includes(text));
}

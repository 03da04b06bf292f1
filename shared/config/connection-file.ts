import { toPathBesideSecrets } from "./provision-schema.ts";
import type { SettingsFiles } from "./secrets.ts";
import type { SettingProblem } from "./setting-problem.ts";

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
  "GROUNDCREW_CONFIG",
  "LOCALE",
  "TIMEZONE",
] as const;

const HEADER =
  "# Written by `npm run provision`, read by `npm start` and the other commands. The environment and .env override it.\n";

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

/** With a problem the settings are refused; `env` still has what could be read, so that nothing else counts as missing. */
interface ConnectionFile {
  env: Record<string, string>;
  problems: SettingProblem[];
  warnings: string[];
}

/**
 * Reads the settings that provision stored beside SECRETS_FILE; none when there is no such file. The file decides where
 * API keys are sent, so one that others can change is a problem, like SECRETS_FILE.
 */
export function readConnectionFile(secretsFile: string, files: SettingsFiles): ConnectionFile {
  const path = getConnectionPath(secretsFile);
  const problems: SettingProblem[] = [];
  const addProblem = (given: string, wanted: string) => void problems.push({ name: path, given, wanted });
  let file: ReturnType<SettingsFiles["read"]>;
  try {
    file = files.read(path);
  } catch {
    addProblem("a file that cannot be read", "a readable file, or none");
  }
  if (!file) return { env: {}, problems, warnings: [] };
  if (file.mode & 0o177)
    addProblem(`a file of mode ${(file.mode & 0o777).toString(8).padStart(4, "0")}`, `mode 0600: chmod 600 ${path}`);
  const env: Record<string, string> = {};
  for (const [index, line] of file.text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, name = "", value = ""] = /^([A-Z_]+)=(.*)$/.exec(line.trim()) ?? [];
    if (CONNECTION_NAMES.some((known) => known === name)) env[name] = value.trim();
    else
      addProblem(
        `another text in line ${index + 1}`,
        `lines of the form NAME=value with the names ${CONNECTION_NAMES.join(", ")}`,
      );
  }
  const warnings = file.isOthers
    ? [`${path} belongs to another account, which can change where API keys are sent: chown it to this account`]
    : [];
  return { env, problems, warnings };
}

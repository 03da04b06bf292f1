import { z } from "zod";
import { findNearestName } from "../nearest-name.ts";
import { formatJsonError, parseJsonText } from "./parse-json-text.ts";
import { getSecretKind, isAgentSecret, SECRET_NAMES } from "./secret-kinds.ts";
import type { SettingProblem } from "./setting-problem.ts";

const textSchema = z.string().trim().min(1);
const valuesSchema = z.union([textSchema.transform((text) => [text]), z.array(textSchema).min(1)]);

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

interface GatheredSecrets {
  secrets: Secrets;
  problems: SettingProblem[];
  warnings: string[];
}

/**
 * Reads every secret from the environment, else from the file that `<NAME>_FILE` names, else from SECRETS_FILE.
 * No problem and no warning contains a secret's value.
 */
export function gatherSecrets(env: Record<string, string>, path: string, files: SettingsFiles): GatheredSecrets {
  const gathered: GatheredSecrets = { secrets: new Map(), problems: [], warnings: [] };
  const names = new Set(SECRET_NAMES);
  const fileSecrets = readSecretsFile(path, "SECRETS_FILE" in env, files, gathered);
  for (const name of [...Object.keys(env).map((variable) => variable.replace(/_FILE$/, "")), ...fileSecrets.keys()]) {
    if (isAgentSecret(name)) names.add(name);
  }
  for (const name of names) {
    const values = readFromEnvironment(name, env, files, gathered) ?? fileSecrets.get(name) ?? [];
    const { form, wanted } = getSecretKind(name);
    if (values.some((value) => !form.test(value))) {
      gathered.problems.push({
        name,
        given: `a value of ${values.map((v) => v.length).join(" and ")} characters`,
        wanted,
      });
    } else if (values.length > 0) gathered.secrets.set(name, values);
  }
  return gathered;
}

/** The secrets in the environment and in the files it names. They override those in SECRETS_FILE. */
export function readEnvironmentSecrets(
  env: Record<string, string>,
  secretsFile: string,
  files: SettingsFiles,
): Secrets {
  const read: SettingsFiles["read"] = (path) => (path === secretsFile ? undefined : files.read(path));
  return gatherSecrets(env, secretsFile, { read }).secrets;
}

function readFromEnvironment(
  name: string,
  env: Record<string, string>,
  files: SettingsFiles,
  gathered: GatheredSecrets,
) {
  const { problems, warnings } = gathered;
  const inlineValue = env[name];
  const path = env[`${name}_FILE`];
  if (path === undefined) return inlineValue === undefined ? undefined : splitValues(name, inlineValue);
  if (inlineValue !== undefined) {
    problems.push({ name, given: `both ${name} and ${name}_FILE`, wanted: "one of the two" });
    return undefined;
  }
  const file = readSecretFile(path, `${name}_FILE`, files, problems);
  if (!file) return undefined;
  const values = splitValues(name, file.text);
  if (values.length === 0)
    problems.push({ name: `${name}_FILE`, given: "an empty file", wanted: getSecretKind(name).wanted });
  // Secrets that Docker and systemd mount are readable inside the container only, whatever their mode is.
  if (file.mode & 0o077 && !path.startsWith("/run/"))
    warnings.push(`${path} (${name}_FILE) can be read by others on this machine: chmod 600 ${path}`);
  return values;
}

function splitValues(name: string, text: string): string[] {
  const parts = getSecretKind(name).many ? text.split(/[,\n]/) : [text];
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

function readSecretFile(path: string, name: string, files: SettingsFiles, problems: SettingProblem[]) {
  try {
    const file = files.read(path);
    if (!file)
      problems.push({ name, given: `${path}, which does not exist`, wanted: "a file that contains the secret" });
    return file;
  } catch {
    problems.push({ name, given: `${path}, which cannot be read`, wanted: "a readable file" });
    return undefined;
  }
}

function readSecretsFile(
  path: string,
  isExplicit: boolean,
  files: SettingsFiles,
  { problems, warnings }: GatheredSecrets,
): Secrets {
  const secrets: Secrets = new Map();
  const addProblem = (given: string, wanted: string) => {
    problems.push({ name: `SECRETS_FILE ${path}`, given, wanted });
    return secrets;
  };
  let file: ReturnType<SettingsFiles["read"]>;
  try {
    file = files.read(path);
  } catch {
    return addProblem("a file that cannot be read", "a readable file");
  }
  if (!file) {
    if (isExplicit) warnings.push(`SECRETS_FILE names ${path}, which does not exist`);
    return secrets;
  }
  if (file.mode & 0o177)
    return addProblem(
      `a file of mode ${(file.mode & 0o777).toString(8).padStart(4, "0")}`,
      `mode 0600: chmod 600 ${path}`,
    );
  if (file.isOthers)
    warnings.push(
      `${path} belongs to another account, which can read and change the secrets: chown it to this account`,
    );
  const json = parseJsonText(file.text);
  if (!json.ok) return addProblem(formatJsonError(json.position), "a JSON object of names and secrets");
  const { value: content } = json;
  if (typeof content !== "object" || content === null || Array.isArray(content))
    return addProblem("content that is not a JSON object", "a JSON object of names and secrets");
  for (const [name, value] of Object.entries(content)) {
    if (!SECRET_NAMES.includes(name) && !isAgentSecret(name)) {
      const nearest = findNearestName(name, SECRET_NAMES);
      addProblem(
        `the unknown name ${JSON.stringify(name.slice(0, 60))}`,
        nearest ?? `one of ${SECRET_NAMES.join(", ")}`,
      );
      continue;
    }
    const values = valuesSchema.safeParse(value);
    if (values.success) secrets.set(name, values.data);
    else addProblem(`${name} that is neither a string nor a list of strings`, "a secret, or a list of valid secrets");
  }
  return secrets;
}

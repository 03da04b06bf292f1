import { DEFAULT_SECRETS_FILE, environmentSchema } from "../../shared/config/environment.ts";
import { toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import type { SettingsFiles } from "../../shared/config/secrets.ts";
import type { SettingProblem } from "../../shared/config/setting-problem.ts";
import { readSettingsParts } from "../../shared/config/settings.ts";
import { splitConfigText } from "./config-variables.ts";
import { readWorkerSettings } from "./read-settings.ts";

/** Names that are replaced by what is in the files they name. */
const FILE_NAMES = new Set(["SECRETS_FILE", "GROUNDCREW_CONFIG"]);

type WorkerVariables =
  | { ok: true; variables: Record<string, string>; warnings: string[] }
  | { ok: false; problems: SettingProblem[] };

/**
 * Reads the settings of this folder as the product on a machine does, including what provision wrote, and returns them as
 * the variables of a Worker. Every value is one of Groundcrew's settings: nothing else of the environment is sent.
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

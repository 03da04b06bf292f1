import { findNearestName } from "../nearest-name.ts";
import { ENVIRONMENT_NAMES, environmentSchema } from "./environment.ts";
import { PROVISION_SECRET_NAMES } from "./provision-schema.ts";
import { parseAgentSuffix, SECRET_NAMES } from "./secret-kinds.ts";
import { formatSettingValue, type SettingProblem } from "./setting-problem.ts";

/** Converts the issues of the environment's schema to problems, one per setting. */
export function toEnvironmentProblems(
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

/** Adds a problem for each missing setting of a group, of which other settings are present. */
export function requireSettings(
  names: string[],
  isPresent: (name: string) => boolean,
  forTelegram: boolean,
  problems: SettingProblem[],
) {
  const group = names[0]?.split("_")[0];
  const reason = forTelegram
    ? "TELEGRAM_* is set, and Telegram has no use without Plane"
    : `other ${group}_* settings are set`;
  for (const name of names) {
    if (!isPresent(name) && !problems.some((problem) => problem.name === name))
      problems.push({ name, given: "nothing", wanted: `a value, because ${reason}` });
  }
}

const OWN_PREFIXES = /^(PLANE|TELEGRAM|GROUNDCREW|STORE)_/;

/** Environment variables with one of our prefixes that are not settings: a typo must not be ignored silently. */
export function findUnknownNames(env: Record<string, string>): SettingProblem[] {
  const secrets = [...SECRET_NAMES, ...PROVISION_SECRET_NAMES];
  const known = [...ENVIRONMENT_NAMES, ...secrets, ...secrets.map((name) => `${name}_FILE`)];
  return Object.keys(env)
    .filter((name) => OWN_PREFIXES.test(name) && !known.includes(name) && !parseAgentSuffix(name))
    .map((name) => {
      const nearest = findNearestName(name, known);
      return { name, given: "an unknown name", wanted: nearest ? `did you mean ${nearest}?` : "remove it" };
    });
}

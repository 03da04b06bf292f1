import { z } from "zod";
import { findNearestName } from "../nearest-name.ts";
import { createJsonLocator } from "./locate-json-value.ts";
import { formatJsonError, parseJsonText } from "./parse-json-text.ts";
import { formatSettingValue, type SettingProblem } from "./setting-problem.ts";
import { type AgentSettings, type FileSettings, settingsFileSchema, toSettingName } from "./settings-file.ts";

type ParsedSettingsFile =
  | { settings: FileSettings; problems: [] }
  | { settings: undefined; problems: SettingProblem[] };

const jsonSchema = z.toJSONSchema(settingsFileSchema, { io: "input", unrepresentable: "any" });

/** Limit of the problems in one report: 50. A file with more is fixed step by step. */
const MAX_PROBLEMS = 50;

/** Parses the settings file; every problem names its path, line and column in the file. */
export function parseSettingsFile(text: string): ParsedSettingsFile {
  const json = parseJsonText(text);
  if (!json.ok)
    return createFailure([
      { name: "GROUNDCREW_CONFIG", given: formatJsonError(json.position), wanted: "a JSON object" },
    ]);
  const parsed = settingsFileSchema.safeParse(json.value);
  const found = parsed.success
    ? findDuplicateAgents(parsed.data.agents)
    : parsed.error.issues.slice(0, MAX_PROBLEMS + 1).flatMap((issue) => toSettingProblems(issue, json.value));
  if (parsed.success && found.length === 0) return { settings: parsed.data, problems: [] };
  const locate = createJsonLocator(text);
  const problems = found.slice(0, MAX_PROBLEMS).map(({ path, ...problem }) => ({ ...problem, position: locate(path) }));
  if (found.length > MAX_PROBLEMS)
    problems.push({
      name: "GROUNDCREW_CONFIG",
      given: `more than ${MAX_PROBLEMS} problems`,
      wanted: "the problems above fixed first",
      position: locate([]),
    });
  return createFailure(problems);
}

/** A problem with the path of its value in the file. */
type LocatedProblem = SettingProblem & { path: readonly PropertyKey[] };

function toSettingProblems(issue: z.core.$ZodIssue, json: unknown): LocatedProblem[] {
  const knownKeys = listKeysAt(issue.path);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const nearest = findNearestName(key, knownKeys);
      const others = knownKeys.join(", ");
      return {
        name: formatPlace([...issue.path, key]),
        given: "an unknown name",
        wanted: nearest ? `${nearest} (known names: ${others})` : `one of ${others}`,
        path: [...issue.path, key],
      };
    });
  }
  const value = issue.path.reduce<unknown>(
    (inside, key) => (isObject(inside) ? Reflect.get(inside, key) : undefined),
    json,
  );
  return [
    {
      name: formatPlace(issue.path),
      given:
        issue.path.at(-1) === "secret" && value !== undefined
          ? "a secret in another format"
          : formatSettingValue(value),
      wanted: findSchemaAt(issue.path)?.description ?? issue.message,
      path: issue.path,
    },
  ];
}

function findDuplicateAgents(agents: readonly AgentSettings[]): LocatedProblem[] {
  const used = new Set<string>();
  /** Whether another agent has one of these keys; they are taken from now on. */
  const claimKeys = (keys: readonly string[]) => {
    const isTaken = keys.some((key) => used.has(key));
    for (const key of keys) used.add(key);
    return isTaken;
  };
  return agents.flatMap((agent, i) => {
    const setting = toSettingName(agent.name);
    const found: LocatedProblem[] = [];
    if (setting === "FILE" || setting.endsWith("_FILE"))
      found.push(
        createAgentProblem(
          [i, "name"],
          agent.name,
          "a name that does not end in 'file', because settings that end in _FILE name files",
        ),
      );
    // Some letters differ in upper case only (K and the Kelvin sign), others look the same: they would share a token file.
    if (claimKeys([`setting ${setting}`, `name ${agent.name.normalize("NFKC").toLowerCase()}`]))
      found.push(
        createAgentProblem(
          [i, "name"],
          agent.name,
          "a name that no other agent has, also as part of PLANE_API_KEY_<AGENT>",
        ),
      );
    if (claimKeys([`email ${agent.email.toLowerCase()}`]))
      found.push(createAgentProblem([i, "email"], agent.email, "an e-mail address that no other agent has"));
    return found;
  });
}

function createAgentProblem(path: readonly PropertyKey[], given: string, wanted: string): LocatedProblem {
  const fullPath = ["agents", ...path];
  return { name: formatPlace(fullPath), given: formatSettingValue(given), wanted, path: fullPath };
}

function createFailure(problems: SettingProblem[]): ParsedSettingsFile {
  return { settings: undefined, problems };
}

type JsonSchemaNode = z.core.JSONSchema.BaseSchema;

function findSchemaAt(path: readonly PropertyKey[]): JsonSchemaNode | undefined {
  let node: JsonSchemaNode | undefined = jsonSchema;
  for (const key of path) {
    const next: unknown = typeof key === "number" ? node?.items : node && collectProperties(node)[String(key)];
    node = isObject(next) ? (next as JsonSchemaNode) : undefined;
  }
  return node;
}

function listKeysAt(path: readonly PropertyKey[]): string[] {
  const node = findSchemaAt(path);
  return node ? Object.keys(collectProperties(node)) : [];
}

/** The properties of an object schema, or of all alternatives of a union. */
function collectProperties(node: JsonSchemaNode): Record<string, unknown> {
  const alternatives = [...(node.anyOf ?? []), ...(node.oneOf ?? [])].map(collectProperties);
  return Object.assign({}, ...alternatives, node.properties);
}

function formatPlace(path: readonly PropertyKey[]): string {
  const place = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return `GROUNDCREW_CONFIG ${place.replace(/^\./, "")}`.trimEnd();
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

import { z } from "zod";
import { findNearestName } from "../nearest-name.ts";
import { formatJsonError, parseJsonText } from "./parse-json-text.ts";
import { formatSettingValue, type SettingProblem } from "./setting-problem.ts";
import { type AgentSettings, type FileSettings, settingsFileSchema, toSettingName } from "./settings-file.ts";

type ParsedSettingsFile =
  | { settings: FileSettings; problems: [] }
  | { settings: undefined; problems: SettingProblem[] };

const jsonSchema = z.toJSONSchema(settingsFileSchema, { io: "input", unrepresentable: "any" });

/** Parses the settings file; every problem names its path in the file. */
export function parseSettingsFile(text: string): ParsedSettingsFile {
  const json = parseJsonText(text);
  if (!json.ok)
    return createFailure([
      { name: "GROUNDCREW_CONFIG", given: formatJsonError(json.position), wanted: "a JSON object" },
    ]);
  const parsed = settingsFileSchema.safeParse(json.value);
  if (!parsed.success)
    return createFailure(parsed.error.issues.flatMap((issue) => toSettingProblems(issue, json.value)));
  const duplicates = findDuplicateAgents(parsed.data.agents);
  return duplicates.length > 0 ? createFailure(duplicates) : { settings: parsed.data, problems: [] };
}

function toSettingProblems(issue: z.core.$ZodIssue, json: unknown): SettingProblem[] {
  const knownKeys = listKeysAt(issue.path);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const nearest = findNearestName(key, knownKeys);
      const others = knownKeys.join(", ");
      return {
        name: formatPlace([...issue.path, key]),
        given: "an unknown name",
        wanted: nearest ? `${nearest} (known names: ${others})` : `one of ${others}`,
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
    },
  ];
}

function findDuplicateAgents(agents: readonly AgentSettings[]): SettingProblem[] {
  return agents.flatMap((agent, i) => {
    const setting = toSettingName(agent.name);
    const place = `agents[${i}]`;
    const found: SettingProblem[] = [];
    if (setting === "FILE" || setting.endsWith("_FILE"))
      found.push(
        createFileProblem(
          `${place}.name`,
          agent.name,
          "a name that does not end in 'file', because settings that end in _FILE name files",
        ),
      );
    if (agents.findIndex((other) => toSettingName(other.name) === setting) < i)
      found.push(
        createFileProblem(
          `${place}.name`,
          agent.name,
          "a name that no other agent has, also as part of PLANE_API_KEY_<AGENT>",
        ),
      );
    if (agents.findIndex((other) => other.email.toLowerCase() === agent.email.toLowerCase()) < i)
      found.push(createFileProblem(`${place}.email`, agent.email, "an e-mail address that no other agent has"));
    return found;
  });
}

function createFileProblem(place: string, given: string, wanted: string): SettingProblem {
  return { name: `GROUNDCREW_CONFIG ${place}`, given: formatSettingValue(given), wanted };
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

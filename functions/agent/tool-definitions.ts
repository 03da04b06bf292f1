import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Caller } from "../../shared/work/context/caller.ts";
import type { Tool } from "./tool.ts";

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** A tool's definition as a model receives it. */
export interface ToolDefinition {
  name: string;
  description: string;
  inputSchema: { type: "object"; properties: Record<string, JsonSchema>; required?: string[] };
}

const definitionCache = new WeakMap<Tool, ToolDefinition>();

/** Returns a tool's definition, cached: converting a zod schema to JSON Schema costs more than many calls. */
export function getToolDefinition(tool: Tool): ToolDefinition {
  const definition = definitionCache.get(tool) ?? createToolDefinition(tool);
  definitionCache.set(tool, definition);
  return definition;
}

/** What the session of a ticket may call: it reads its ticket and the inputs of it, and completes it. */
const SESSION_TOOLS = ["get_task_details", "download_deliverable", "update_task_status"];

/** Whether this caller may call the tool. A caller sees only the tools it may call. */
export function mayCallTool({ role }: Caller, { allow, name }: Tool): boolean {
  if (role === "session") return SESSION_TOOLS.includes(name);
  return allow === "agent" || role !== "worker";
}

/** The JSON Schema of a tool's answer. */
export function createOutputSchema(tool: Tool): JsonSchema {
  return simplifySchema(z.toJSONSchema(tool.output, { io: "output", unrepresentable: "any" }));
}

function createToolDefinition({ name, description, input }: Tool): ToolDefinition {
  const { properties = {}, required } = simplifySchema(z.toJSONSchema(input, { io: "input", unrepresentable: "any" }));
  const fields = Object.entries(properties).map(([field, schema]) => [field, typeof schema === "object" ? schema : {}]);
  return {
    name,
    description,
    inputSchema: { type: "object", properties: Object.fromEntries(fields), ...omitUndefined({ required }) },
  };
}

/** Drops keywords that mean nothing to a model: every agent reads each character at every start. */
function simplifySchema(schema: JsonSchema): JsonSchema {
  const json: JsonSchema = JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      key === "$schema" ||
      (key === "additionalProperties" && value === false) ||
      Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER
        ? undefined
        : value,
    ),
  );
  return json;
}

/** The list of all tools, and how a tool is described to a client. MCP, HTTP and the CLI serve this list. */

import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { PLANNING_TOOLS } from "./planning-tools.ts";
import { RESULT_TOOLS } from "./result-tools.ts";
import { TASK_TOOLS } from "./task-tools.ts";
import type { Tool } from "./tool.ts";

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** A tool's definition as a model receives it. */
interface ToolDefinition {
  name: string;
  description: string;
  inputSchema: { type: "object"; properties: Record<string, JsonSchema>; required?: string[] };
}

/** All tools, in the order in which they are listed. MCP, HTTP and the CLI serve this list. */
export const TOOLS: readonly Tool[] = [...TASK_TOOLS, ...RESULT_TOOLS, ...PLANNING_TOOLS];

const definitionCache = new WeakMap<Tool, ToolDefinition>();

/** Returns a tool's definition, cached: converting a zod schema to JSON Schema costs more than many calls. */
export function getToolDefinition(tool: Tool): ToolDefinition {
  const definition = definitionCache.get(tool) ?? createToolDefinition(tool);
  definitionCache.set(tool, definition);
  return definition;
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

/** The JSON Schema of a tool's answer. */
export function createOutputSchema(tool: Tool): JsonSchema {
  return simplifySchema(z.toJSONSchema(tool.output, { io: "output", unrepresentable: "any" }));
}

import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Caller } from "../../shared/work/context/caller.ts";
import type { Tool } from "./tool.ts";

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** A tool as a model sees it. */
export interface ToolDefinition {
  name: string;
  description: string;
  inputSchema: { type: "object"; properties: Record<string, JsonSchema>; required?: string[] };
}

const definitionCache = new WeakMap<Tool, ToolDefinition>();

/** Made once for each tool: turning a zod schema into JSON Schema costs more than many a call. */
export function getToolDefinition(tool: Tool): ToolDefinition {
  const definition = definitionCache.get(tool) ?? createToolDefinition(tool);
  definitionCache.set(tool, definition);
  return definition;
}

/** Whether this caller may call the tool; it is shown no other. */
export function mayCallTool({ role }: Caller, { allow }: Tool): boolean {
  return allow === "agent" || role !== "worker";
}

/** What a tool answers with, as JSON Schema. */
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

/** Without what tells a model nothing: each character is read by every agent at every start. */
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

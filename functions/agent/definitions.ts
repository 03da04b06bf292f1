import { z } from "zod";
import type { Caller } from "../../shared/work/caller.ts";
import type { Tool } from "./tool.ts";

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** A tool as a model sees it. */
export interface Definition {
  name: string;
  description: string;
  inputSchema: { type: "object"; properties: Record<string, JsonSchema>; required?: string[] };
}

const defined = new WeakMap<Tool, Definition>();

/** Made once for each tool: turning a zod schema into JSON Schema costs more than many a call. */
export function definitionOf(tool: Tool): Definition {
  const made = defined.get(tool) ?? define(tool);
  defined.set(tool, made);
  return made;
}

/** Whether this caller may call the tool; it is shown no other. */
export function mayCall({ role }: Caller, { allow }: Tool): boolean {
  return allow === "agent" || role !== "worker";
}

/** What a tool answers with, as JSON Schema. */
export function answerSchema(tool: Tool): JsonSchema {
  return brief(z.toJSONSchema(tool.output, { io: "output", unrepresentable: "any" }));
}

function define({ name, description, input }: Tool): Definition {
  const { properties = {}, required } = brief(z.toJSONSchema(input, { io: "input", unrepresentable: "any" }));
  const fields = Object.entries(properties).map(([field, schema]) => [field, typeof schema === "object" ? schema : {}]);
  return {
    name,
    description,
    inputSchema: { type: "object", properties: Object.fromEntries(fields), ...(required && { required }) },
  };
}

/** Without what tells a model nothing: each character is read by every agent at every start. */
function brief(schema: JsonSchema): JsonSchema {
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

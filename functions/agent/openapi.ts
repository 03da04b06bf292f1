import { VERSION } from "../../shared/version.ts";
import type { Caller } from "../../shared/work/context/caller.ts";
import { createOutputSchema, getToolDefinition, mayCallTool } from "./tool-definitions.ts";
import { TOOLS } from "./tools.ts";

const errorSchema = {
  type: "object",
  properties: {
    error: {
      type: "object",
      properties: {
        code: { type: "string" },
        message: { type: "string" },
        retry_after: { type: "integer", description: "seconds" },
      },
      required: ["code", "message"],
    },
  },
  required: ["error"],
};

/** Describes the HTTP interface in OpenAPI 3.1, with the tools that this caller may call. */
export function createOpenApiDocument(caller: Caller, url: string) {
  const tools = TOOLS.filter((tool) => mayCallTool(caller, tool)).map((tool) => {
    const { name, description, inputSchema } = getToolDefinition(tool);
    const operation = {
      operationId: name,
      summary: description,
      requestBody: { required: true, content: { "application/json": { schema: inputSchema } } },
      responses: {
        200: {
          description: "The current state after the call.",
          content: { "application/json": { schema: createOutputSchema(tool) } },
        },
        default: { $ref: "#/components/responses/refused" },
      },
    };
    return [`/agent/${name}`, { post: operation }] as const;
  });
  return {
    openapi: "3.1.0",
    info: { title: "Groundcrew: tools for agents", version: VERSION },
    servers: [{ url }],
    security: [{ bridge: [] }],
    paths: Object.fromEntries(tools),
    components: {
      securitySchemes: { bridge: { type: "http", scheme: "bearer" } },
      responses: {
        refused: {
          description: "Why the call was refused and what to do.",
          content: { "application/json": { schema: errorSchema } },
        },
      },
    },
  };
}

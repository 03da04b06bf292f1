import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";

/** One option of a tool, reduced to what the command line needs. */
export interface ToolField {
  name: string;
  kind: "text" | "number" | "boolean" | "list" | "json";
  /** The allowed values, for an enumeration. */
  choices?: string[];
  nullable: boolean;
  required: boolean;
  description?: string;
}

export interface ToolSpec {
  name: string;
  description: string;
  fields: ToolField[];
}

const propertySchema = z.object({
  /** Several types for a field that also takes null: `["string", "null"]`. */
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  const: z.unknown().optional(),
  description: z.string().optional(),
  get items() {
    return propertySchema.optional();
  },
  get anyOf() {
    return z.array(propertySchema).optional();
  },
});
type PropertySchema = z.infer<typeof propertySchema>;

const openApiSchema = z.object({
  paths: z.record(
    z.string(),
    z.object({
      post: z.object({
        summary: z.string().default(""),
        requestBody: z.object({
          content: z.object({
            "application/json": z.object({
              schema: z.object({
                properties: z.record(z.string(), propertySchema).default({}),
                required: z.array(z.string()).default([]),
              }),
            }),
          }),
        }),
      }),
    }),
  ),
});

/** Parses the tools from a response of `GET /agent/openapi.json`. Throws a ZodError for any other document. */
export function parseToolSpecs(json: unknown): ToolSpec[] {
  return Object.entries(openApiSchema.parse(json).paths).map(([path, { post }]) => {
    const { properties, required } = post.requestBody.content["application/json"].schema;
    return {
      name: path.replace(/^\/agent\//, ""),
      description: post.summary,
      fields: Object.entries(properties).map(([name, property]) =>
        toToolField(name, property, required.includes(name)),
      ),
    };
  });
}

function toToolField(name: string, property: PropertySchema, required: boolean): ToolField {
  const alternatives = property.anyOf ?? splitTypes(property);
  const kinds = alternatives.filter(({ type }) => type !== "null");
  const [single] = kinds;
  const choices = kinds.length === 1 ? single?.enum?.map(String) : undefined;
  const description = property.description ?? single?.description;
  return {
    name,
    kind: kinds.length === 1 && single ? toFieldKind(single) : "json",
    ...omitUndefined({ choices }),
    nullable: kinds.length < alternatives.length,
    required,
    ...omitUndefined({ description }),
  };
}

function splitTypes(property: PropertySchema): PropertySchema[] {
  const { type } = property;
  return Array.isArray(type) ? type.map((single) => ({ ...property, type: single })) : [property];
}

function toFieldKind({ type, items, enum: values }: PropertySchema): ToolField["kind"] {
  if (type === "string" || (values && type === undefined)) return "text";
  if (type === "number" || type === "integer") return "number";
  if (type === "boolean") return "boolean";
  return type === "array" && items && toFieldKind(items) === "text" ? "list" : "json";
}

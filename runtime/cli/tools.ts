import { z } from "zod";

/** One option of a tool, as far as the command line needs it. */
export interface Field {
  name: string;
  kind: "text" | "number" | "boolean" | "list" | "json";
  /** What it may be, where only some values are. */
  choices?: string[];
  nullable: boolean;
  required: boolean;
  description?: string;
}

export interface Spec {
  name: string;
  description: string;
  fields: Field[];
}

const schema = z.object({
  type: z.string().optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  const: z.unknown().optional(),
  description: z.string().optional(),
  get items() {
    return schema.optional();
  },
  get anyOf() {
    return z.array(schema).optional();
  },
});
type Schema = z.infer<typeof schema>;

const document = z.object({
  paths: z.record(
    z.string(),
    z.object({
      post: z.object({
        summary: z.string().default(""),
        requestBody: z.object({
          content: z.object({
            "application/json": z.object({
              schema: z.object({
                properties: z.record(z.string(), schema).default({}),
                required: z.array(z.string()).default([]),
              }),
            }),
          }),
        }),
      }),
    }),
  ),
});

/** The tools in an answer of `GET /agent/openapi.json`. Throws a ZodError for another document. */
export function specsIn(json: unknown): Spec[] {
  return Object.entries(document.parse(json).paths).map(([path, { post }]) => {
    const { properties, required } = post.requestBody.content["application/json"].schema;
    return {
      name: path.replace(/^\/agent\//, ""),
      description: post.summary,
      fields: Object.entries(properties).map(([name, is]) => fieldOf(name, is, required.includes(name))),
    };
  });
}

function fieldOf(name: string, given: Schema, required: boolean): Field {
  const several = given.anyOf ?? [given];
  const kinds = several.filter(({ type }) => type !== "null");
  const [only] = kinds;
  const choices = kinds.length === 1 ? only?.enum?.map(String) : undefined;
  const description = given.description ?? only?.description;
  return {
    name,
    kind: kinds.length === 1 && only ? kindOf(only) : "json",
    ...(choices && { choices }),
    nullable: kinds.length < several.length,
    required,
    ...(description !== undefined && { description }),
  };
}

function kindOf({ type, items, enum: values }: Schema): Field["kind"] {
  if (type === "string" || (values && type === undefined)) return "text";
  if (type === "number" || type === "integer") return "number";
  if (type === "boolean") return "boolean";
  return type === "array" && items && kindOf(items) === "text" ? "list" : "json";
}

import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { planeIdSchema } from "./schema.ts";

const relationEndsSchema = z.array(z.object({ project_id: planeIdSchema, issue_id: planeIdSchema }));

/** The related items by kind, seen from the requested item. */
const relationsSchema = z.object({
  blocking: relationEndsSchema,
  blocked_by: relationEndsSchema,
  duplicate: relationEndsSchema,
  relates_to: relationEndsSchema,
  start_after: relationEndsSchema,
  start_before: relationEndsSchema,
  finish_after: relationEndsSchema,
  finish_before: relationEndsSchema,
});
export type PlaneRelations = z.infer<typeof relationsSchema>;

const createdRelationsSchema = z.array(
  z.object({
    id: planeIdSchema,
    project_id: planeIdSchema,
    sequence_id: z.int(),
    relation_type: z.string(),
    name: z.string(),
  }),
);

export const RELATIONS_PATH = "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/relations/";

/** Does not exist on v1.2.x: see `capabilities().relations`. */
export const relationsApi = {
  list: { operation: "relations_list", method: "GET", path: RELATIONS_PATH, answer: relationsSchema },
  /** Takes `{ relation_type, issues }`; answers the related items. */
  create: { operation: "relations_create", method: "POST", path: RELATIONS_PATH, answer: createdRelationsSchema },
} satisfies Record<string, Endpoint<unknown>>;

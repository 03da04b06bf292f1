import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { createPageSchema, planeIdSchema } from "./schema.ts";

export const stateGroupSchema = z.enum(["backlog", "unstarted", "started", "completed", "cancelled", "triage"]);

const stateSchema = z.object({
  id: planeIdSchema,
  project: planeIdSchema,
  name: z.string(),
  color: z.string(),
  group: stateGroupSchema,
  sequence: z.number(),
  default: z.boolean(),
});

const labelSchema = z.object({
  id: planeIdSchema,
  project: planeIdSchema.nullable(),
  name: z.string(),
  color: z.string(),
  parent: planeIdSchema.nullable(),
});

const statesPath = "/api/v1/workspaces/:workspace/projects/:project/states/";
const labelsPath = "/api/v1/workspaces/:workspace/projects/:project/labels/";

/** A create answers 409 with the id of the existing state or label if the name is already taken. */
export const statesApi = {
  list: { operation: "states_list", method: "GET", path: statesPath, answer: createPageSchema(stateSchema) },
  create: { operation: "states_create", method: "POST", path: statesPath, answer: stateSchema },
} satisfies Record<string, Endpoint<unknown>>;

export const labelsApi = {
  list: { operation: "labels_list", method: "GET", path: labelsPath, answer: createPageSchema(labelSchema) },
  create: { operation: "labels_create", method: "POST", path: labelsPath, answer: labelSchema },
} satisfies Record<string, Endpoint<unknown>>;

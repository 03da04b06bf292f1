import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { createPageSchema, planeDaySchema, planeIdSchema } from "./schema.ts";
import { planeTimeSchema } from "./time.ts";
import { workItemSchema } from "./work-items.ts";

const cycleSchema = z.object({
  id: planeIdSchema,
  project: planeIdSchema,
  name: z.string(),
  /** Either both dates are set or neither: a cycle without dates is a draft. */
  start_date: planeTimeSchema.nullable(),
  end_date: planeTimeSchema.nullable(),
  archived_at: planeTimeSchema.nullable(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  owned_by: planeIdSchema.nullable(),
  created_at: planeTimeSchema,
  updated_at: planeTimeSchema,
});

/** Additional fields in lists: the numbers of items by the group of their state. */
const itemCountFields = {
  total_issues: z.int(),
  completed_issues: z.int(),
  cancelled_issues: z.int(),
  started_issues: z.int(),
  unstarted_issues: z.int(),
  backlog_issues: z.int(),
};
const countedCycleSchema = cycleSchema.extend(itemCountFields);
export type PlaneCycle = z.infer<typeof countedCycleSchema>;

const moduleSchema = z.object({
  id: planeIdSchema,
  project: planeIdSchema,
  name: z.string(),
  status: z.string(),
  start_date: planeDaySchema.nullable(),
  target_date: planeDaySchema.nullable(),
  archived_at: planeTimeSchema.nullable(),
  created_at: planeTimeSchema,
  updated_at: planeTimeSchema,
});

const cycleItemSchema = z.object({ id: planeIdSchema, issue: planeIdSchema, cycle: planeIdSchema });
const moduleItemSchema = z.object({ id: planeIdSchema, issue: planeIdSchema, module: planeIdSchema });

const cyclesPath = "/api/v1/workspaces/:workspace/projects/:project/cycles/";
const modulesPath = "/api/v1/workspaces/:workspace/projects/:project/modules/";

export const cyclesApi = {
  list: { operation: "cycles_list", method: "GET", path: cyclesPath, answer: createPageSchema(countedCycleSchema) },
  /** The same route with `query: { cycle_view: "current" }`, which answers without pages. */
  current: { operation: "cycles_current", method: "GET", path: cyclesPath, answer: z.array(countedCycleSchema) },
  create: { operation: "cycles_create", method: "POST", path: cyclesPath, answer: cycleSchema },
  update: { operation: "cycles_update", method: "PATCH", path: `${cyclesPath}:cycle/`, answer: cycleSchema },
  items: {
    operation: "cycles_items",
    method: "GET",
    path: `${cyclesPath}:cycle/cycle-issues/`,
    answer: createPageSchema(workItemSchema),
  },
  addItems: {
    operation: "cycles_add_items",
    method: "POST",
    path: `${cyclesPath}:cycle/cycle-issues/`,
    answer: z.array(cycleItemSchema),
  },
} satisfies Record<string, Endpoint<unknown>>;

export const modulesApi = {
  list: {
    operation: "modules_list",
    method: "GET",
    path: modulesPath,
    answer: createPageSchema(moduleSchema.extend(itemCountFields)),
  },
  create: { operation: "modules_create", method: "POST", path: modulesPath, answer: moduleSchema },
  addItems: {
    operation: "modules_add_items",
    method: "POST",
    path: `${modulesPath}:module/module-issues/`,
    answer: z.array(moduleItemSchema),
  },
} satisfies Record<string, Endpoint<unknown>>;

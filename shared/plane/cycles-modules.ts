import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { day, id, listed } from "./schema.ts";
import { time } from "./time.ts";
import { workItem } from "./work-items.ts";

const cycle = z.object({
  id,
  project: id,
  name: z.string(),
  /** Both or neither are set: a cycle without dates is a draft. */
  start_date: time.nullable(),
  end_date: time.nullable(),
  archived_at: time.nullable(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  owned_by: id.nullable(),
  created_at: time,
  updated_at: time,
});

/** Lists also count the items by the group of their state. */
const counts = {
  total_issues: z.int(),
  completed_issues: z.int(),
  cancelled_issues: z.int(),
  started_issues: z.int(),
  unstarted_issues: z.int(),
  backlog_issues: z.int(),
};
const countedCycle = cycle.extend(counts);
export type Cycle = z.infer<typeof countedCycle>;

const module = z.object({
  id,
  project: id,
  name: z.string(),
  status: z.string(),
  start_date: day.nullable(),
  target_date: day.nullable(),
  archived_at: time.nullable(),
  created_at: time,
  updated_at: time,
});

const inCycle = z.object({ id, issue: id, cycle: id });
const inModule = z.object({ id, issue: id, module: id });

const ofCycles = "/api/v1/workspaces/:workspace/projects/:project/cycles/";
const ofModules = "/api/v1/workspaces/:workspace/projects/:project/modules/";

export const cycles = {
  list: { operation: "cycles_list", method: "GET", path: ofCycles, answer: listed(countedCycle) },
  /** The same route with `query: { cycle_view: "current" }`, which answers without pages. */
  current: { operation: "cycles_current", method: "GET", path: ofCycles, answer: z.array(countedCycle) },
  create: { operation: "cycles_create", method: "POST", path: ofCycles, answer: cycle },
  update: { operation: "cycles_update", method: "PATCH", path: `${ofCycles}:cycle/`, answer: cycle },
  items: {
    operation: "cycles_items",
    method: "GET",
    path: `${ofCycles}:cycle/cycle-issues/`,
    answer: listed(workItem),
  },
  addItems: {
    operation: "cycles_add_items",
    method: "POST",
    path: `${ofCycles}:cycle/cycle-issues/`,
    answer: z.array(inCycle),
  },
} satisfies Record<string, Endpoint<unknown>>;

export const modules = {
  list: { operation: "modules_list", method: "GET", path: ofModules, answer: listed(module.extend(counts)) },
  create: { operation: "modules_create", method: "POST", path: ofModules, answer: module },
  addItems: {
    operation: "modules_add_items",
    method: "POST",
    path: `${ofModules}:module/module-issues/`,
    answer: z.array(inModule),
  },
} satisfies Record<string, Endpoint<unknown>>;

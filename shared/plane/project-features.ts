import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { projects } from "./projects.ts";
import { id, listed } from "./schema.ts";
import { time } from "./time.ts";

const withFeatures = z.object({
  id,
  name: z.string(),
  identifier: z.string(),
  archived_at: time.nullable(),
  is_member: z.boolean(),
  external_source: z.string().nullable(),
  external_id: z.string().nullable(),
  module_view: z.boolean(),
  cycle_view: z.boolean(),
  issue_views_view: z.boolean(),
  page_view: z.boolean(),
  intake_view: z.boolean(),
});
export type ProjectFeatures = z.infer<typeof withFeatures>;

/** Projects with what is switched on in them; the same routes as `projects`. */
export const projectFeatures = {
  list: { ...projects.list, answer: listed(withFeatures) },
  create: { ...projects.create, answer: withFeatures },
  update: { ...projects.update, answer: withFeatures },
} satisfies Record<string, Endpoint<unknown>>;

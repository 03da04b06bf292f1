import { z } from "zod";
import { PRIORITIES, STATUSES } from "../../shared/task/snapshot.ts";

const statusSchema = z.enum(STATUSES);

/** A task as every answer shows it (OPENCLAW-02). */
export const taskAnswerSchema = z.object({
  id: z.string(),
  key: z.string(),
  title: z.string(),
  /** First line of the description. */
  description: z.string(),
  status: statusSchema,
  priority: z.enum(PRIORITIES),
  /** `YYYY-MM-DD` */
  due_date: z.string().nullable(),
  project: z.string(),
  /** Open blockers; null while they are still being read, so that `startable` is false. */
  blocked_by: z.array(z.object({ key: z.string(), status: statusSchema })).nullable(),
  url: z.string(),
  /** ISO 8601: set when the caller holds the task; the claim expires then unless a call renews it. */
  held_until: z.string().optional(),
  startable: z.literal(false).optional(),
  why_not: z.string().optional(),
});

import { z } from "zod";
import { PRIORITIES, WORDS } from "../../shared/task/snapshot.ts";

const word = z.enum(WORDS);

/** A task as every answer shows it (OPENCLAW-02). */
export const taskAnswer = z.object({
  id: z.string(),
  key: z.string(),
  title: z.string(),
  /** The first line of its text. */
  description: z.string(),
  status: word,
  priority: z.enum(PRIORITIES),
  /** `YYYY-MM-DD` */
  due_date: z.string().nullable(),
  project: z.string(),
  blocked_by: z.array(z.object({ key: z.string(), status: word })),
  url: z.string(),
  /** ISO 8601: the caller holds it, and until then unless it calls. */
  held_until: z.string().optional(),
  startable: z.literal(false).optional(),
  why_not: z.string().optional(),
});

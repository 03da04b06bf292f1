import { z } from "zod";

/** The answer of `openclaw tasks list --json`, of which only this is read. Times are in ms since 1970. */
export const openclawTasksSchema = z.object({
  tasks: z.array(
    z.object({
      runtime: z.string(),
      status: z.string(),
      createdAt: z.number(),
      startedAt: z.number().nullish(),
      endedAt: z.number().nullish(),
    }),
  ),
});
